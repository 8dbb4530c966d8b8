"""How a call gets in: a builtin made of native code looks whether a recorded course fits (`gate`,
with its code in gate.ll), which it is told as comparisons of pointers (`courses`), at offsets that
are found in this Python (`layout`). Imports recording and native.
"""
