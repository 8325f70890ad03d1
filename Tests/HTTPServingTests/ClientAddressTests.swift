import Testing

@testable import HTTPServing

@Suite struct ClientAddressTests {
  @Test(arguments: [
    ("127.0.0.1", "127.0.0.1"), ("255.254.0.1", "255.254.0.1"), ("::1", "::1"), ("2001:DB8:0::a", "2001:db8::a"),
    ("::ffff:10.0.0.1", "10.0.0.1"),
  ])
  func addressesAreWrittenInTheirUsualForm(text: String, expected: String) {
    #expect(ClientAddress(text)?.description == expected)
  }

  @Test(arguments: ["", "localhost", "10.0.0", "10.0.0.1:80", "[::1]", "unknown", "_hidden"]) func whatIsNoAddressIsNone(text: String) {
    #expect(ClientAddress(text) == nil)
  }

  @Test(
    arguments: [
      ("9.9.9.9", "1.1.1.1", "9.9.9.9"), ("10.0.0.1", nil, "10.0.0.1"), ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
      ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"), ("10.0.0.1", "6.6.6.6,1.1.1.1, 10.0.0.2", "1.1.1.1"),
      ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
      ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"), ("10.0.0.1", "", "10.0.0.1"), ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
    ] as [(String, String?, String)])
  func onlyTrustedProxiesNameTheClient(peer: String, header: String?, expected: String) throws {
    let trusted = Set(["10.0.0.1", "10.0.0.2"].compactMap { ClientAddress($0) })
    let client = ClientAddress.behindProxies(peer: try #require(ClientAddress(peer)), forwardedFor: header, trusted: trusted)
    #expect(client.description == expected)
  }
}
