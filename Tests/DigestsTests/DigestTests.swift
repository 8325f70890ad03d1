import Digests
import Testing

@Suite struct DigestTests {
  @Test func theDigestOfPiecesIsThatOfTheWhole() {
    #expect(SHA256Digest(of: Array("abc".utf8)).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let content = (0..<1000).map { UInt8($0 & 255) }
    let digest = ContentDigest()
    for piece in [content[..<1], content[1..<700], content[700...]] { piece.withUnsafeBytes { digest.update($0) } }
    #expect(digest.finish() == SHA256Digest(of: content).hex)
  }

  @Test func onlySixtyFourDigitsAreADigest() {
    let digest = SHA256Digest(of: [1])
    #expect(SHA256Digest(hex: digest.hex) == digest && SHA256Digest(hex: digest.hex.uppercased()) == digest)
    for text in ["", String(digest.hex.dropLast()), digest.hex + "0", "+" + digest.hex.dropFirst()] {
      #expect(SHA256Digest(hex: text) == nil)
    }
  }

  /// Test cases 1, 2 and 6 of RFC 4231.
  @Test func codesAreThoseOfTheStandard() {
    func code(_ text: String, _ key: [UInt8]) -> String { HMACSHA256.code(Array(text.utf8), key: key).hex }
    #expect(
      code("Hi There", [UInt8](repeating: 0x0b, count: 20)) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    #expect(
      code("what do ya want for nothing?", Array("Jefe".utf8)) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(
      code("Test Using Larger Than Block-Size Key - Hash Key First", [UInt8](repeating: 0xaa, count: 131))
        == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
  }
}
