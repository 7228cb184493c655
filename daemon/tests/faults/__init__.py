"""The fault campaign: a real daemon under steady load while things break. No message may get lost.

python -m pytest tests/faults                    every fault once (part of the daemon's tests)
python -m pytest tests/faults --campaign=30      faults at random for 30 minutes, and 100,000 messages for the memory
"""
