"""What happens by itself: each module is one tick(session, now) -> how many."""
