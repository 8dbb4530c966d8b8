"""The graph of a step (`graph`), what it means (`interpret`), and graphs that mean the same with
less in them (`passes`, `identities`, `views`, `transposes`). Imports NumPy and ops only.
"""
