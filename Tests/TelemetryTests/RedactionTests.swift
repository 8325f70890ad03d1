import Telemetry
import Testing

@Suite struct RedactionTests {
  @Test(arguments: [
    ("redis://user:CANARY@host:6379/0", "redis://***@host:6379/0"),
    ("redis://:CANARY@host", "redis://***@host"),
    ("https://CANARY@host/path is away", "https://***@host/path is away"),
    ("redis://:CAN/A@RY@host/0", "redis://***@host/0"),
    ("two: a://x:CANARY@h and b://y:CANARY@k", "two: a://***@h and b://***@k"),
    ("sasl.password=CANARY", "sasl.password=***"),
    ("sasl.password = CANARY next", "sasl.password = *** next"),
    ("ssl.key.password: CANARY", "ssl.key.password: ***"),
    ("{\"api_token\": \"CAN\\\"ARY\", \"user\": \"u\"}", "{\"api_token\": \"***\", \"user\": \"u\"}"),
    ("Authorization: Bearer CANARY", "Authorization: ***"),
    ("PASSWORD=CANARY", "PASSWORD=***"),
    ("aws_secret_access_key='CANARY'", "aws_secret_access_key='***'"),
    ("http://h/p?token=CANARY&n=1", "http://h/p?token=***"),
    ("password=\"CANARY", "password=\"***"),
  ])
  func secretsInTextAreMasked(text: String, expected: String) {
    #expect(Redaction.text(text) == expected)
    #expect(!Redaction.text(text).contains("CANARY"))
  }

  @Test(arguments: [
    "", ":", "=", "password", "password=", "://", "a://", "12:30:00 read 5 records from events[0]", "http://host:8080/path?user=7",
    "the token is too long", "mail to a@b.org", "password_file=/run/keys/redis", "Grüße: schön",
  ])
  func textWithoutSecretsStaysAsItIs(text: String) {
    #expect(Redaction.text(text) == text)
  }

  @Test(arguments: [
    "password", "redis.password", "sasl.oauthbearer.client.secret", "TOKEN", "x-api-key", "ssl.key.pem", "sasl.jaas.config",
  ])
  func namesOfSecretsAreSensitive(name: String) {
    #expect(Redaction.isSensitive(name: name))
    #expect(Redaction.value("CANARY", name: name) == "***")
  }

  @Test(arguments: ["user", "topic", "password_file", "ssl.ca.location", "partition", ""])
  func otherNamesAreNotSensitive(name: String) {
    #expect(!Redaction.isSensitive(name: name))
  }

  @Test func urlsInFieldsWithHarmlessNamesAreMasked() {
    #expect(Redaction.value("redis://:CANARY@h", name: "address") == "redis://***@h")
  }
}
