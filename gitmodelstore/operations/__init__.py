"""What the store does: a function per verb. Time, author and notices arrive as arguments."""
