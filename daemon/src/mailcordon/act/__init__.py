"""What becomes of a judged message: quarantine, forwarding, delivery status notifications, the reply to the client."""
