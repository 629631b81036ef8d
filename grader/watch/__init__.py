"""What watches an interpreter that a test has to share with the student's code. Runs inside; standard library only.

Owns what is noticed there, as short texts. What they mean for a marking is `grader.guarding`'s.
"""
