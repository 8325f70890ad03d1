/// Parses a finite decimal number; surrounding spaces are allowed.
func parseNumber(_ field: UnsafeBufferPointer<UInt8>, hasDecimalComma: Bool = false) -> Double? {
  // Fast path: integers of up to 15 digits are exact in Double.
  if 1...15 ~= field.count, let number = digits(field) { return Double(number) }
  let text = trimmed(field)
  guard let first = text.first, 0x30...0x39 ~= first || first == 0x2D || first == 0x2B || first == 0x2E || first == 0x2C else { return nil }
  var plain = [UInt8](text)
  if hasDecimalComma, let comma = plain.firstIndex(of: 0x2C), !plain.contains(0x2E) { plain[comma] = 0x2E }
  guard
    plain.allSatisfy({ 0x30...0x39 ~= $0 || $0 == 0x2E || $0 == 0x2D || $0 == 0x2B || $0 | 0x20 == 0x65 }),
    let value = Double(String(decoding: plain, as: UTF8.self)), value.isFinite
  else { return nil }
  return value
}

@inline(__always) func trimmed(_ field: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
  guard let first = field.first, let last = field.last, isSpace(first) || isSpace(last) else { return field }
  var slice = field[...]
  while let first = slice.first, isSpace(first) { slice = slice.dropFirst() }
  while let last = slice.last, isSpace(last) { slice = slice.dropLast() }
  return UnsafeBufferPointer(rebasing: slice)
}

@inline(__always) private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

/// The reason why the bytes are not a valid id; `nil` if they are valid.
func idFault(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
  if bytes.isEmpty { return "is empty" }
  if bytes.count > 256 { return "has more than 256 bytes" }
  var isASCII = true
  for byte in bytes {
    if byte == 0 { return "contains a zero byte" }
    if byte >= 0x80 { isASCII = false }
  }
  if !isASCII, String(validating: bytes, as: UTF8.self) == nil { return "is not UTF-8; if the file is Latin-1, add --encoding latin-1" }
  return nil
}
