/// The range of a JSON string in the record, without its quotes. Its escapes are validated but not yet decoded.
struct JSONText {
  var start: Int
  var end: Int
  var isEscaped: Bool
  var count: Int { end - start }
}

/// Why a record cannot be parsed as a whole; `InteractionDecoder` reports faults of single fields.
enum JSONFault: Error {
  case syntax(at: Int, StaticString)
  case utf8(at: Int)
  case tooDeep(at: Int)
}

/// A strict JSON scanner over bytes that the caller keeps alive.
///
/// It is iterative, so nesting uses no stack. Past the end it reads a zero byte, which is invalid outside a string, so the end of the
/// input is handled like any unexpected character.
struct JSONScanner {
  let base: UnsafePointer<UInt8>
  let end: Int
  let depthMax: Int
  var at: Int

  init(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int, depthMax: Int) {
    guard let base = bytes.baseAddress else { preconditionFailure("a scanner needs bytes") }
    self.base = base
    self.end = bytes.count
    self.depthMax = depthMax
    self.at = start
  }

  @inline(__always) func peek() -> UInt8 { at < end ? base[at] : 0 }

  @inline(__always) mutating func skipSpace() {
    while at < end {
      let byte = base[at]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      at += 1
    }
  }

  @inline(__always) mutating func expect(_ byte: UInt8, _ complaint: StaticString) throws(JSONFault) {
    guard peek() == byte else { throw unexpected(complaint) }
    at += 1
  }

  /// Returns the fault for the current byte; invalid UTF-8 takes precedence over an unexpected character.
  func unexpected(_ complaint: StaticString) -> JSONFault {
    if peek() >= 0x80, sequenceLength(at: at) == nil { return .utf8(at: at) }
    return .syntax(at: at, complaint)
  }

  // MARK: Strings

  /// Scans from after the opening quote to after the closing quote.
  @inline(__always) mutating func text() throws(JSONFault) -> JSONText {
    let start = at
    skipPlain()
    if at < end, base[at] == 0x22 {
      at += 1
      return JSONText(start: start, end: at - 1, isEscaped: false)
    }
    return try textWithOddities(from: start)
  }

  /// Moves to the first byte that is a quote, a backslash, a control character or not ASCII; eight bytes at a time.
  ///
  /// Borrows can only set flags above the first match, so the lowest flag is always correct.
  @inline(__always) private mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    while at &+ 8 <= end {
      let word = UInt64(littleEndian: UnsafeRawPointer(base + at).loadUnaligned(as: UInt64.self))
      let quote = word ^ (ones &* 0x22)
      let backslash = word ^ (ones &* 0x5C)
      let isQuote = (quote &- ones) & ~quote
      let isBackslash = (backslash &- ones) & ~backslash
      let isControl = (word &- (ones &* 0x20)) & ~word
      let hits = (isQuote | isBackslash | isControl | word) & (ones &* 0x80)
      if hits != 0 {
        at &+= hits.trailingZeroBitCount >> 3
        return
      }
      at &+= 8
    }
    while at < end, base[at] >= 0x20, base[at] < 0x80, base[at] != 0x22, base[at] != 0x5C { at &+= 1 }
  }

  @inline(never) private mutating func textWithOddities(from start: Int) throws(JSONFault) -> JSONText {
    var isEscaped = false
    while at < end {
      switch base[at] {
      case 0x22:
        at += 1
        return JSONText(start: start, end: at - 1, isEscaped: isEscaped)
      case 0x5C:
        isEscaped = true
        try skipEscape()
      case 0..<0x20: throw .syntax(at: at, "a control character inside a string must be escaped")
      case 0x80...:
        guard let length = sequenceLength(at: at) else { throw .utf8(at: at) }
        at += length
      default: break
      }
      skipPlain()
    }
    throw .syntax(at: at, "a string is not closed")
  }

  private mutating func skipEscape() throws(JSONFault) {
    let start = at
    at += 1
    switch peek() {
    case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: at += 1
    case 0x75:
      at += 1
      switch try hexQuad() {
      case 0xDC00...0xDFFF: throw .utf8(at: start)
      case 0xD800...0xDBFF:
        guard peek() == 0x5C, at + 1 < end, base[at + 1] == 0x75 else { throw .utf8(at: start) }
        at += 2
        guard 0xDC00...0xDFFF ~= (try hexQuad()) else { throw .utf8(at: start) }
      default: break
      }
    default: throw unexpected("an unknown escape")
    }
  }

  private mutating func hexQuad() throws(JSONFault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = hexDigit(peek()) else { throw unexpected("\\u needs four hexadecimal digits") }
      value = value << 4 | digit
      at += 1
    }
    return value
  }

  private func hexDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case 0x30...0x39: UInt32(byte - 0x30)
    case 0x41...0x46: UInt32(byte - 0x41 + 10)
    case 0x61...0x66: UInt32(byte - 0x61 + 10)
    default: nil
    }
  }

  /// Returns the length in bytes of the UTF-8 sequence at `index`, or `nil` if it is invalid (overlong, surrogate, truncated, above
  /// U+10FFFF).
  func sequenceLength(at index: Int) -> Int? {
    utf8SequenceLength(UnsafeBufferPointer(start: base + index, count: end - index))
  }

  /// Returns the text's bytes with escapes decoded.
  func bytes(of text: JSONText) -> [UInt8] {
    guard text.isEscaped else { return [UInt8](UnsafeBufferPointer(start: base + text.start, count: text.count)) }
    return [UInt8](unsafeUninitializedCapacity: text.count) { buffer, count in
      var copy = self
      copy.at = text.start
      while copy.at < text.end {
        if base[copy.at] != 0x5C {
          buffer[count] = base[copy.at]
          copy.at += 1
          count += 1
        } else {
          for byte in copy.resolveEscape() {
            buffer[count] = byte
            count += 1
          }
        }
      }
    }
  }

  /// Decodes an escape that `skipEscape` has validated.
  private mutating func resolveEscape() -> Unicode.UTF8.EncodedScalar {
    let letter = base[at + 1]
    at += 2
    var value: UInt32
    switch letter {
    case 0x62: value = 0x08
    case 0x66: value = 0x0C
    case 0x6E: value = 0x0A
    case 0x72: value = 0x0D
    case 0x74: value = 0x09
    case 0x75:
      value = checkedHexQuad()
      if 0xD800...0xDBFF ~= value {
        at += 2
        value = 0x10000 + (value - 0xD800) << 10 + (checkedHexQuad() - 0xDC00)
      }
    default: value = UInt32(letter)
    }
    guard let scalar = Unicode.Scalar(value), let encoded = Unicode.UTF8.encode(scalar) else {
      preconditionFailure("an unchecked escape")
    }
    return encoded
  }

  private mutating func checkedHexQuad() -> UInt32 {
    guard let value = try? hexQuad() else { preconditionFailure("an unchecked escape") }
    return value
  }

  // MARK: Other values

  /// Skips a value of any type; `open` is the number of enclosing containers.
  mutating func skipValue(open: Int) throws(JSONFault) {
    var containers = ContainerStack()
    while true {
      skipSpace()
      switch peek() {
      case 0x22:
        at += 1
        _ = try text()
      case 0x7B:
        try enter(open: open + containers.count)
        skipSpace()
        if peek() != 0x7D {
          containers.push(isObject: true)
          try skipName()
          continue
        }
        at += 1
      case 0x5B:
        try enter(open: open + containers.count)
        skipSpace()
        if peek() != 0x5D {
          containers.push(isObject: false)
          continue
        }
        at += 1
      case 0x2D, 0x30...0x39: _ = try number()
      default: try skipLiteral()
      }
      // The value is complete: continue in the enclosing container, or close it as well.
      var inside = false
      while !containers.isEmpty, !inside {
        skipSpace()
        let isObject = containers.topIsObject
        switch peek() {
        case 0x2C:
          at += 1
          skipSpace()
          if isObject { try skipName() }
          inside = true
        case 0x7D where isObject, 0x5D where !isObject:
          at += 1
          containers.pop()
        default: throw unexpected(isObject ? "expected , or }" : "expected , or ]")
        }
      }
      if !inside { return }
    }
  }

  /// Consumes the opening bracket of a container nested in `open` others.
  mutating func enter(open: Int) throws(JSONFault) {
    guard open < depthMax else { throw .tooDeep(at: at) }
    at += 1
  }

  private mutating func skipName() throws(JSONFault) {
    try expect(0x22, "expected a field name in quotes")
    _ = try text()
    skipSpace()
    try expect(0x3A, "expected :")
  }

  mutating func skipLiteral() throws(JSONFault) {
    let literal: StaticString
    switch peek() {
    case 0x74: literal = "true"
    case 0x66: literal = "false"
    case 0x6E: literal = "null"
    default: throw unexpected("expected a value")
    }
    let length = literal.utf8CodeUnitCount
    for index in 0..<length where at + index >= end || base[at + index] != literal.utf8Start[index] {
      throw unexpected("expected true, false or null")
    }
    at += length
  }
}

/// A stack of the open brackets' kinds, one bit each.
private struct ContainerStack {
  private var top: UInt64 = 0
  private var spilled: [UInt64] = []
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  var topIsObject: Bool { top & 1 == 1 }

  mutating func push(isObject: Bool) {
    if count > 0, count.isMultiple(of: 64) { spilled.append(top) }
    top = top << 1 | (isObject ? 1 : 0)
    count += 1
  }

  mutating func pop() {
    count -= 1
    top >>= 1
    if count > 0, count.isMultiple(of: 64) { top = spilled.removeLast() }
  }
}

/// Returns the length in bytes of the UTF-8 sequence at the start of the buffer, or `nil` if it is invalid.
func utf8SequenceLength(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
  guard let first = bytes.first else { return nil }
  let length: Int
  var second: ClosedRange<UInt8> = 0x80...0xBF
  switch first {
  case 0..<0x80: return 1
  case 0xC2...0xDF: length = 2
  case 0xE0: (length, second) = (3, 0xA0...0xBF)
  case 0xED: (length, second) = (3, 0x80...0x9F)
  case 0xE1...0xEF: length = 3
  case 0xF0: (length, second) = (4, 0x90...0xBF)
  case 0xF1...0xF3: length = 4
  case 0xF4: (length, second) = (4, 0x80...0x8F)
  default: return nil
  }
  guard bytes.count >= length, second ~= bytes[1] else { return nil }
  for index in 2..<max(2, length) where bytes[index] & 0xC0 != 0x80 { return nil }
  return length
}

/// Returns whether the whole buffer is valid UTF-8.
func isValidUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
  var at = 0
  while at < bytes.count {
    if bytes[at] < 0x80 {
      at += 1
    } else {
      guard let length = utf8SequenceLength(UnsafeBufferPointer(rebasing: bytes[at...])) else { return false }
      at += length
    }
  }
  return true
}

extension JSONScanner {
  mutating func skipByteOrderMark() {
    if at + 3 <= end, base[at] == 0xEF, base[at + 1] == 0xBB, base[at + 2] == 0xBF { at += 3 }
  }
}
