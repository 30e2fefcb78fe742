"""Says hello, and ends before it is asked anything."""

import sys

sys.stdin.readline()
print(
    '{"id":1,"ok":{"name":"leaver","version":"1","language":"python","roles":["rm"],"profiles":["label/1"],"suites":[1]}}'
)
