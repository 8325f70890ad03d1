import Digests
import Testing

@testable import HTTPServing

@Suite struct AccessTokensTests {
  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  @Test func aNewTokenIsFoundByItsLineAndByNothingElse() throws {
    let new = try AccessToken.make(name: "shop-1", role: .write)
    #expect(new.token.hasPrefix("freshet_") && new.token.utf8.count == 8 + 43)
    #expect(!new.line.contains(new.token) && new.line.hasPrefix("shop-1 write "))
    let tokens = try AccessTokens(parsing: new.line)
    #expect(tokens.find(bytes(new.token))?.name == "shop-1" && tokens.find(bytes(new.token))?.role == .write)
    for wrong in ["", "freshet_", new.token + "x", String(new.token.dropLast()), new.token.uppercased(), new.line] {
      #expect(tokens.find(bytes(wrong)) == nil, "\(wrong)")
    }
    let another = try AccessToken.make(name: "shop-1", role: .write).token
    #expect(another != new.token)
  }

  @Test func theDigestIsThatOfThePublishedTestVector() {
    #expect(SHA256Digest(of: bytes("abc")).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(SHA256Digest(of: []).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func commentsAndEmptyLinesAreSkipped() throws {
    let digest = SHA256Digest(of: bytes("a-secret-of-the-shop")).hex
    let text = "# tokens\r\n\r\n  shop\twrite   \(digest.uppercased())  # until May\ngrafana read \(SHA256Digest(of: bytes("g")).hex)\n"
    let tokens = try AccessTokens(parsing: text)
    #expect(tokens.tokens.map(\.name) == ["shop", "grafana"] && tokens.find(bytes("a-secret-of-the-shop"))?.name == "shop")
  }

  @Test func oneWordIsATokenThatMayDoEverything() throws {
    for text in ["0123456789abcdef#x", "\n0123456789abcdef#x\n\n"] {
      let found = try AccessTokens(parsing: text).find(bytes("0123456789abcdef#x"))
      #expect(found?.name == "token" && found?.role == .admin)
    }
  }

  @Test(arguments: [
    ("", nil, "freshet token new"), ("# nothing\n", nil, "freshet token new"), ("short", nil, "openssl rand"),
    ("0123456789abcdé0", nil, "ASCII"),
    ("a read", 1, "name role sha256"),
    ("ok read \(String(repeating: "0", count: 64))\na owner \(String(repeating: "0", count: 64))", 2, "read, write, admin"),
    ("a read SECRETSECRETSECRET", 1, "64 hexadecimal"), ("a read \(String(repeating: "+1", count: 32))", 1, "64 hexadecimal"),
    ("a/b read \(String(repeating: "0", count: 64))", 1, "a name has"),
    ("a read \(String(repeating: "0", count: 64))\na read \(String(repeating: "1", count: 64))", 2, "twice"),
  ])
  func faultsNameTheLineAndTheFixAndNoSecret(text: String, line: Int?, fix: String) {
    let fault = #expect(throws: AccessTokens.Fault.self) { try AccessTokens(parsing: text) }
    #expect(fault?.line == line && fault?.description.contains(fix) == true, "\(fault?.description ?? "none")")
    #expect(fault?.description.contains("SECRET") == false)
  }

  @Test func theNumberOfTokensIsBounded() {
    let lines = (0...AccessTokens.countMax).map { "t\($0) read \(SHA256Digest(of: bytes("\($0)")).hex)" }
    #expect(throws: AccessTokens.Fault.self) { try AccessTokens(parsing: lines.joined(separator: "\n")) }
    #expect((try? AccessTokens(parsing: lines.dropLast().joined(separator: "\n")))?.tokens.count == AccessTokens.countMax)
  }

  @Test(arguments: ["", "a b", "a#", "é", String(repeating: "a", count: 65)]) func namesThatAFileCannotHoldAreRefused(name: String) {
    #expect(throws: AccessTokens.Fault.self) { try AccessToken.make(name: name, role: .read) }
  }

  @Test func rolesAreOrdered() {
    #expect(AccessRole.read < .write && AccessRole.write < .admin && !(AccessRole.admin < .read))
  }
}
