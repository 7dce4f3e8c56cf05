"""crkit: the package behind the Customer Relationships workbook.

Importing it is cheap and changes no global setting. The rooms are imported by name::

    from crkit import datasets, segments
"""

__version__ = "0.1.0"
