"""What was made of a compiled function, for people: `explain()` (`explanation`, `account`,
`page`), costs and times of loops (`costs`, `measure`), why a course does not fit (`misfit`), how
native code compares with the recorded run (`witness`), and what is logged (`logs`). Imports
recording and codegen.
"""
