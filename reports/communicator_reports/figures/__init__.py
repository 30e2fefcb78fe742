"""The figures of a report: each module turns findings into panels, and knows nothing of pages.

What is random is drawn with its interval, policies have the same colour and dash everywhere, and ink takes the colour
of the text around it, so that one specification serves light, dark and paper.
"""
