# terminals start a login shell, for which Debian forgets the image's PATH
PATH=/opt/lab/bin:$HOME/.local/bin:$PATH
