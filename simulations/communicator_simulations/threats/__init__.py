"""The weaknesses T1 to T18 (chapter 14) as demonstrations: attacks on the scheme as drafted, and on the standard."""
