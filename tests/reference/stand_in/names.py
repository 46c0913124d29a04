"""Answers every question for an address with the one given: the names of the test's little world."""

import socket
import sys

listen, address = sys.argv[1:]
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((listen, 53))
while True:
    question, peer = server.recvfrom(512)
    end = question.index(0, 12) + 5
    # Type A is 1; of other types there is none.
    is_address = question[end - 4 : end - 2] == b"\0\1"
    head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_address else b"\0\0") + bytes(4)
    answer = b"\xc0\x0c\0\1\0\1" + bytes([0, 0, 0, 60, 0, 4]) + socket.inet_aton(address)
    server.sendto(head + question[12:end] + (answer if is_address else b""), peer)
