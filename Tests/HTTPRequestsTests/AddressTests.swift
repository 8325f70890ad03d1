import HTTPRequests
import Testing

private func refusal(_ text: String, allowsQuery: Bool = false) -> String? {
  do throws(HTTPAddress.Refusal) {
    _ = try HTTPAddress(parsing: text, allowsQuery: allowsQuery)
    return nil
  } catch { return error.description }
}

/// Addresses of servers.
@Suite struct AddressTests {
  @Test(arguments: [
    ("http://host", "http://host", "http://host"), ("HTTPS://Host:8443/", "https://Host:8443", "https://Host:8443"),
    ("http://[::1]:5000/a/b//", "http://[::1]:5000", "http://[::1]:5000/a/b"),
    ("http://u:p@host:1/x", "http://host:1", "http://host:1/x"),
  ])
  func anAddressHasAnOriginAndAURLWithoutUser(text: String, origin: String, url: String) throws {
    let address = try HTTPAddress(parsing: text)
    #expect(address.origin == origin && address.url == url && "\(address)" == origin)
  }

  @Test func theUserPartBecomesCredentialsThatDoNotShow() throws {
    let address = try HTTPAddress(parsing: "https://a%40b:p%2Fq%3As@host/hook?x=1/", allowsQuery: true)
    #expect(address.credentials == .basic(username: "a@b", password: "p/q:s"))
    #expect(address.url == "https://host/hook?x=1/")
    var shown = ""
    dump(address, to: &shown)
    #expect(!shown.contains("p/q:s") && !"\(address.credentials)".contains("p/q:s"))
    #expect(address.credentials.redacted("it said p/q:s") == "it said ***")
  }

  @Test(arguments: [
    "", "host", "ftp://host", "http://", "http://:80", "http://user:hunter2@", "http://host:port", "http://host:99999", "http://ho st",
    "http://hôst", "http://host/#a", "http://host/?a", "http://[]:1", "http://user:hunter2/x@host", "http://user:12/hunter2@host",
    "http://user:hunter2#@host", "http://u:%zz@host", "http://[::1",
  ])
  func aRefusalNeverRepeatsTheAddress(text: String) {
    let why = refusal(text)
    #expect(why != nil && why?.contains("hunter2") == false)
  }

  @Test func everythingButUnreservedCharactersIsEscaped() {
    #expect(PercentEscape.encode("a/b é%~", keepingSlashes: true) == "a/b%20%C3%A9%25~")
    #expect(PercentEscape.encode("a/b&c=d") == "a%2Fb%26c%3Dd")
  }
}
