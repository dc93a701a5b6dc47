"""How long a look may take that searches through a large registry."""

#: seconds of searching after which a look answers with what there is, and goes on at the next
MOMENT = 0.006
#: seconds between two looks at rows while more are being found
EVERY = 0.1
