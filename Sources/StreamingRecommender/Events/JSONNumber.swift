/// A JSON number in decimal form, converted to `Double` or `Int64` only when a field needs it.
struct JSONNumber {
  var start: Int
  var end: Int
  var isNegative: Bool
  /// All digits without the decimal point, valid if `digitsFit`.
  var digits: UInt64
  /// Whether there are at most 19 digits; otherwise `digits` is undefined.
  var digitsFit: Bool
  /// The value is digits x 10^exponent.
  var exponent: Int
  /// Whether the number has neither a fraction nor an exponent.
  var isPlainInteger: Bool
}

extension JSONScanner {
  /// Reads a number by the JSON grammar.
  @inline(__always) mutating func number() throws(JSONFault) -> JSONNumber {
    var number = JSONNumber(start: at, end: at, isNegative: false, digits: 0, digitsFit: true, exponent: 0, isPlainInteger: true)
    if peek() == 0x2D {
      number.isNegative = true
      at += 1
    }
    let firstDigit = at
    guard 0x30...0x39 ~= peek() else { throw unexpected("expected a digit") }
    takeDigits(into: &number)
    if base[firstDigit] == 0x30, at - firstDigit > 1 { throw .syntax(at: firstDigit, "a number must not begin with 0") }
    var digitCount = at - firstDigit
    if peek() == 0x2E {
      at += 1
      let firstDecimal = at
      guard 0x30...0x39 ~= peek() else { throw unexpected("expected a digit after the point") }
      takeDigits(into: &number)
      number.exponent = firstDecimal - at
      number.isPlainInteger = false
      digitCount += at - firstDecimal
    }
    number.digitsFit = digitCount <= 19
    if peek() | 0x20 == 0x65 { try takeExponent(into: &number) }
    number.end = at
    return number
  }

  @inline(__always) private mutating func takeDigits(into number: inout JSONNumber) {
    while at < end {
      let digit = base[at] &- 0x30
      guard digit < 10 else { return }
      number.digits = number.digits &* 10 &+ UInt64(digit)
      at &+= 1
    }
  }

  private mutating func takeExponent(into number: inout JSONNumber) throws(JSONFault) {
    at += 1
    let isNegative = peek() == 0x2D
    if isNegative || peek() == 0x2B { at += 1 }
    guard 0x30...0x39 ~= peek() else { throw unexpected("expected a digit in the exponent") }
    var exponent = 0
    while 0x30...0x39 ~= peek() {
      // With an exponent this large the result is zero or infinite whatever the digits are, because a record is shorter than that.
      if exponent < 100_000_000 { exponent = exponent * 10 + Int(peek() - 0x30) }
      at += 1
    }
    number.exponent += isNegative ? -exponent : exponent
    number.isPlainInteger = false
  }

  /// Returns the nearest `Double`, or `nil` if that is infinite.
  @inline(__always) func double(_ number: JSONNumber) -> Double? {
    // Both factors are exact, so the product is rounded once and correctly (Clinger 1990).
    if number.digitsFit, number.digits <= 1 << 53, -22...22 ~= number.exponent {
      let digits = Double(number.digits)
      let magnitude =
        number.exponent < 0 ? digits / exactPowersOfTen[-number.exponent] : digits * exactPowersOfTen[number.exponent]
      return number.isNegative ? -magnitude : magnitude
    }
    return slowDouble(number)
  }

  @inline(never) private func slowDouble(_ number: JSONNumber) -> Double? {
    if number.digitsFit, number.digits == 0 { return number.isNegative ? -0.0 : 0 }
    let written = UnsafeBufferPointer(start: base + number.start, count: number.end - number.start)
    let value = Double(String(decoding: written, as: UTF8.self))
    return value.flatMap { $0.isFinite ? $0 : nil }
  }

  /// Returns the number as an integer in any notation (`1.7e9` is one), or `nil` for a fraction or a value outside Int64.
  @inline(__always) func integer(_ number: JSONNumber) -> Int64? {
    if number.isPlainInteger, number.digitsFit {
      if !number.isNegative { return Int64(exactly: number.digits) }
      return number.digits <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- number.digits) : nil
    }
    return slowInteger(number)
  }

  @inline(never) private func slowInteger(_ number: JSONNumber) -> Int64? {
    var digits: [UInt8] = []
    for index in number.start..<number.end {
      let byte = base[index]
      if byte | 0x20 == 0x65 { break }
      guard 0x30...0x39 ~= byte, byte != 0x30 || !digits.isEmpty else { continue }
      digits.append(byte - 0x30)
    }
    var exponent = number.exponent
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    if digits.isEmpty { return 0 }
    guard exponent >= 0, digits.count + exponent <= 19 else { return nil }
    var magnitude: UInt64 = 0
    for digit in digits + [UInt8](repeating: 0, count: exponent) { magnitude = magnitude * 10 + UInt64(digit) }
    if !number.isNegative { return Int64(exactly: magnitude) }
    return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil
  }
}

private let exactPowersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]
