"""Where git is touched: nothing else imports pygit2 or GitPython, or starts git."""
