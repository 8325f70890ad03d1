import CKernels
import RecommenderTestKit
import Testing

@Suite struct ChecksumTests {
  /// From RFC 3720, appendix B.4, and the check value of the CRC catalogue.
  @Test func knownVectorsHaveTheirChecksums() {
    #expect(crc(Array("123456789".utf8)) == 0xE306_9283)
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(crc([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(crc((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    #expect(crc((0..<32).map { UInt8(31 - $0) }) == 0x113F_DB5C)
    #expect(crc([]) == 0)
  }

  @Test func theChecksumOfPiecesIsThatOfTheWhole() {
    var random = SeededGenerator(seed: 1)
    let bytes = (0..<257).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    for cut in 0...bytes.count {
      #expect(crc(Array(bytes[cut...]), after: crc(Array(bytes[..<cut]))) == crc(bytes), "\(random), cut at \(cut)")
    }
  }

  @Test func theChecksumEqualsABitwiseOneAtAnyLengthAndAlignment() {
    var random = SeededGenerator(seed: 2)
    let bytes = (0..<64).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    for start in 0..<9 {
      for end in start...bytes.count {
        let got = bytes.withUnsafeBytes { freshet_crc32c(0, $0.baseAddress! + start, end - start) }
        #expect(got == bitwise(bytes[start..<end]), "\(random), bytes \(start)..<\(end)")
      }
    }
  }

  private func crc(_ bytes: [UInt8], after first: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { freshet_crc32c(first, $0.baseAddress, $0.count) }
  }

  private func bitwise(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
    }
    return ~crc
  }
}
