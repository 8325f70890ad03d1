import Foundation
import Telemetry
import Testing

@Suite struct JSONStringTests {
  @Test(arguments: [
    ("plain-id_17850", #""plain-id_17850""#), ("", #""""#), (#"a"b\c"#, #""a\"b\\c""#), ("\n\r\t", #""\n\r\t""#),
    ("\u{0}\u{1F}\u{7F}", #""\u0000\u001f\u007f""#), ("\u{85}\u{9F}\u{A0}é", "\"\\u0085\\u009f\u{A0}é\""),
    ("\u{2027}\u{2028}\u{2029}\u{202A}", "\"\u{2027}\\u2028\\u2029\u{202A}\""), ("👍", "\"👍\""),
  ])
  func textIsQuotedAndEscaped(text: String, expected: String) {
    var bytes: [UInt8] = []
    JSONString.append(text, to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
    var same: [UInt8] = []
    JSONString.append(Array(text.utf8), to: &same)
    #expect(same == bytes)
  }

  @Test func everyCharacterIsReadBackByAnotherParser() throws {
    let text = String(String.UnicodeScalarView((0...0x2100).compactMap(Unicode.Scalar.init)))
    var bytes: [UInt8] = Array("[".utf8)
    JSONString.append(text, to: &bytes)
    bytes += "]".utf8
    let read = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String])
    #expect(read.first.map { Array($0.utf8) } == Array(text.utf8))
  }

  /// A byte that announces a longer sequence than there is must not make the writer read past the end.
  @Test(arguments: [[0xC2], [0xE2], [0xE2, 0x80], [0x41, 0xE2, 0x80]] as [[UInt8]])
  func bytesThatAreNotUTF8AreCopied(bytes: [UInt8]) {
    var output: [UInt8] = []
    JSONString.append(bytes, to: &output)
    #expect(output == [0x22] + bytes + [0x22])
  }

  @Test func withoutQuotesTheTextStaysReadable() {
    #expect(JSONString.escaped("say \"a\\b\"\n\u{1B}", quotes: false) == "say \"a\\b\"\\n\\u001b")
  }
}

@Suite struct JSONValueTests {
  @Test func valuesAreWrittenInOrder() {
    let value: JSONValue = ["b": 1, "a": [true, nil, 1.5, "x\u{1}\"\\"], "n": .number(.nan), "i": .number(3)]
    #expect(value.text == #"{"b":1,"a":[true,null,1.5,"x\u0001\"\\"],"n":null,"i":3}"#)
  }

  @Test func aMemberThatIsSetAgainKeepsItsPlace() throws {
    var value: JSONValue = ["rate": 1000.0, "events": 3, "bad": .number(.infinity), "gone": 1]
    value["events"] = 4
    value["gone"] = nil
    value["absent"] = nil
    value["nested"] = ["p99_ms": 1e-7]
    #expect(value.text == #"{"rate":1000,"events":4,"bad":null,"nested":{"p99_ms":1e-07}}"#)
    #expect(value["events"] == 4)
    #expect(value["gone"] == nil)
    let read = try JSONSerialization.jsonObject(with: Data(value.bytes)) as? [String: Any]
    #expect((read?["nested"] as? [String: Any])?["p99_ms"] as? Double == 1e-7)
  }
}
