"""Events, and the webhook endpoints and deliveries that send them."""
