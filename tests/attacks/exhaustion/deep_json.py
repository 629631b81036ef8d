"""JSON that is nested a hundred thousand levels deep, in metadata."""

SHOWS = "dies"


def tamper(nb):
    return (
        b'{"nbformat": 4, "nbformat_minor": 5, "cells": [], "metadata": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001
    )
