"""The only room that knows SQL: one database, one writer, and the tables of what we owe and what we did."""
