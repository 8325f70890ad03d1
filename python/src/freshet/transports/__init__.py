"""How the steps of operations reach Redis, a gateway and Kafka; each module knows one library."""
