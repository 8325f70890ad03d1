/// A number that a column can hold.
public protocol ParquetNumber: BitwiseCopyable, Sendable {
  static var parquetType: ParquetNumberType { get }
}

/// The types of numbers in a file.
public enum ParquetNumberType: Sendable { case int32, int64, float, double }

extension Int32: ParquetNumber { public static var parquetType: ParquetNumberType { .int32 } }
extension Int64: ParquetNumber { public static var parquetType: ParquetNumberType { .int64 } }
extension Float: ParquetNumber { public static var parquetType: ParquetNumberType { .float } }
extension Double: ParquetNumber { public static var parquetType: ParquetNumberType { .double } }

/// What encoding needs to know of a number.
protocol CodedNumber: ParquetNumber, Comparable {
  /// Distinguishes all values, also those that compare as equal.
  var pattern: UInt64 { get }
  static var lowest: Self { get }
  static var highest: Self { get }
  /// The value as a lower or upper bound of others.
  var asMinimum: Self { get }
  var asMaximum: Self { get }
}

extension Int32: CodedNumber {
  var pattern: UInt64 { UInt64(UInt32(bitPattern: self)) }
  static var lowest: Int32 { .min }
  static var highest: Int32 { .max }
  var asMinimum: Int32 { self }
  var asMaximum: Int32 { self }
}

extension Int64: CodedNumber {
  var pattern: UInt64 { UInt64(bitPattern: self) }
  static var lowest: Int64 { .min }
  static var highest: Int64 { .max }
  var asMinimum: Int64 { self }
  var asMaximum: Int64 { self }
}

// Zero has two signs that compare as equal, so a bound of zero must include both.
extension Float: CodedNumber {
  var pattern: UInt64 { UInt64(bitPattern) }
  static var lowest: Float { -.infinity }
  static var highest: Float { .infinity }
  var asMinimum: Float { self == 0 ? -0.0 : self }
  var asMaximum: Float { self == 0 ? 0.0 : self }
}

extension Double: CodedNumber {
  var pattern: UInt64 { bitPattern }
  static var lowest: Double { -.infinity }
  static var highest: Double { .infinity }
  var asMinimum: Double { self == 0 ? -0.0 : self }
  var asMaximum: Double { self == 0 ? 0.0 : self }
}
