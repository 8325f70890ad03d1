import Telemetry
import Timestamps

/// The members of one JSON object, read field by field with faults that name the field.
struct DocumentFields {
  let members: [JSONValue.Member]

  init(_ members: [JSONValue.Member]) { self.members = members }

  /// Reads one object of at most `bytesMax` bytes.
  init(_ bytes: [UInt8], bytesMax: Int) throws(DocumentFault) {
    guard !bytes.isEmpty else { throw DocumentFault(.empty, "there are no bytes; send one JSON object") }
    guard bytes.count <= bytesMax else { throw DocumentFault(.tooLarge, "\(bytes.count) bytes; at most \(bytesMax) are read") }
    let value: JSONValue
    do throws(JSONReader.Fault) { value = try JSONReader.value(bytes) } catch { throw DocumentFault(error) }
    guard case .object(let members) = value else { throw DocumentFault(.notObject, "expected one JSON object") }
    self.members = members
  }

  /// The value of a field, or `nil` if it is absent or null.
  subscript(name: String) -> JSONValue? {
    guard let value = members.first(where: { $0.key.hasSameBytes(as: name) })?.value, value != .null else { return nil }
    return value
  }

  /// A string, or an integer, which stands for its decimal text.
  static func word(_ value: JSONValue) -> String? {
    switch value {
    case .string(let text): text
    case .integer(let integer): String(integer)
    default: nil
    }
  }

  func word(_ name: String, bytesMax: Int) throws(DocumentFault) -> String? {
    guard let value = self[name] else { return nil }
    guard let text = Self.word(value), text.utf8.count <= bytesMax else {
      throw DocumentFault(.badValue, field: name, "\(name) must be a text of at most \(bytesMax) bytes")
    }
    return text
  }

  /// An object within the object.
  func object(_ name: String) throws(DocumentFault) -> DocumentFields? {
    guard let value = self[name] else { return nil }
    guard case .object(let members) = value else { throw DocumentFault(.badValue, field: name, "\(name) must be an object") }
    return DocumentFields(members)
  }

  /// Throws for a field that is not among `names`: a misspelled one would change what the document says.
  func refuseOthers(than names: [String], of owner: String) throws(DocumentFault) {
    guard let unknown = members.first(where: { member in !names.contains { $0.hasSameBytes(as: member.key) } })?.key else { return }
    throw DocumentFault(
      .badValue, field: unknown, "\(unknown.debugDescription) is not a field of \(owner) (\(names.joined(separator: ", ")))")
  }

  /// 1 to 256 bytes without a zero byte, as the ids of events.
  func identifier(_ name: String) throws(DocumentFault) -> String {
    guard let value = self[name] else { throw DocumentFault(.missingField, field: name, "\(name) is missing") }
    guard let text = Self.word(value), !text.isEmpty, !text.utf8.contains(0) else {
      throw DocumentFault(.badID, field: name, "\(name) must be a text that is not empty and has no zero byte, or a 64-bit integer")
    }
    guard text.utf8.count <= 256 else { throw DocumentFault(.idTooLong, field: name, "\(name) is longer than 256 bytes") }
    return text
  }

  func flag(_ name: String) throws(DocumentFault) -> Bool? {
    guard let value = self[name] else { return nil }
    guard case .bool(let flag) = value else { throw DocumentFault(.badValue, field: name, "\(name) must be true or false") }
    return flag
  }

  func number(_ name: String, _ range: ClosedRange<Double>) throws(DocumentFault) -> Double? {
    guard let value = self[name] else { return nil }
    let number: Double? =
      switch value {
      case .integer(let integer): Double(integer)
      case .number(let double): double
      default: nil
      }
    guard let number, range.contains(number) else {
      let (low, high) = (JSONValue.number(range.lowerBound).text, JSONValue.number(range.upperBound).text)
      throw DocumentFault(.badValue, field: name, "\(name) must be a number from \(low) to \(high)")
    }
    return number
  }

  func integer(_ name: String, _ range: ClosedRange<Int>) throws(DocumentFault) -> Int? {
    guard let value = self[name] else { return nil }
    guard case .integer(let integer) = value, range.contains(integer) else {
      throw DocumentFault(.badValue, field: name, "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// Milliseconds since 1970 of a date, or of an integer whose size tells its unit, within the years 0 to 9999.
  func time(_ name: String) throws(DocumentFault) -> Int64? {
    guard let value = self[name] else { return nil }
    var time: Int64?
    switch value {
    case .string(var text): time = text.withUTF8 { try? TimestampText.milliseconds($0) }
    case .integer(let integer): time = try? EpochTime.milliseconds(ofInteger: Int64(integer))
    default: break
    }
    guard let time, Self.years.contains(time) else {
      throw DocumentFault(
        .badTimestamp, field: name,
        "\(name) must be a time such as 2026-01-31T08:30:00Z, or seconds or milliseconds since 1970, within the years 0 to 9999")
    }
    return time
  }

  /// From 0000-01-01 to the end of 9999, the years that RFC 3339 can write.
  static let years: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999
}

extension String {
  /// Whether it may name a rule, an experiment or an arm: 1 to 64 letters, digits, points, hyphens and underscores of ASCII.
  var isPlainName: Bool {
    1...64 ~= utf8.count
      && utf8.allSatisfy { byte in
        0x61...0x7A ~= byte | 0x20 || 0x30...0x39 ~= byte || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
      }
  }
}
