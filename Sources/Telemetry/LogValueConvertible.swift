/// A type whose values can be used as fields without conversion: `log.info("restored", ["sequence": sequence, "epoch": epoch])`.
public protocol LogValueConvertible {
  var logValue: LogValue { get }
}

extension LogValue: LogValueConvertible { public var logValue: LogValue { self } }
extension String: LogValueConvertible { public var logValue: LogValue { .string(self) } }
extension Bool: LogValueConvertible { public var logValue: LogValue { .bool(self) } }
extension Double: LogValueConvertible { public var logValue: LogValue { .number(self) } }
extension Int: LogValueConvertible { public var logValue: LogValue { .integer(self) } }
extension Int32: LogValueConvertible { public var logValue: LogValue { .integer(Int(self)) } }
extension Int64: LogValueConvertible { public var logValue: LogValue { .integer(Int(self)) } }
extension UInt32: LogValueConvertible { public var logValue: LogValue { .integer(Int(self)) } }
extension UInt64: LogValueConvertible { public var logValue: LogValue { .integer(Int(clamping: self)) } }

extension Optional: LogValueConvertible where Wrapped: LogValueConvertible {
  public var logValue: LogValue { self?.logValue ?? .null }
}
