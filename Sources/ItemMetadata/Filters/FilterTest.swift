import Telemetry

/// One comparison of a field.
struct FilterTest: Sendable {
  enum Order: String, Sendable {
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="

    func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool {
      switch self {
      case .less: a < b
      case .lessOrEqual: a <= b
      case .greater: a > b
      case .greaterOrEqual: a >= b
      }
    }
  }

  enum Operand: Sendable {
    case text(String)
    case number(Double)
    case bool(Bool)
    case time(Int64)
    /// Milliseconds from now.
    case now(Int64)
  }

  enum Condition: Sendable {
    case equals(Operand)
    case ordered(Order, Operand)
    case isIn([Operand])
    case exists
  }

  let field: FilterField
  let condition: Condition

  func matches(_ document: ItemDocument, now: Int64) -> Bool {
    field.contains(in: document) { value in
      switch condition {
      case .exists: true
      case .equals(let operand): Self.equal(value, operand, now)
      case .isIn(let operands): operands.contains { Self.equal(value, $0, now) }
      case .ordered(let order, let operand): Self.ordered(value, order, operand, now)
      }
    }
  }

  private static func equal(_ value: FilterField.Value, _ operand: Operand, _ now: Int64) -> Bool {
    switch (value, operand) {
    case (.text(let a), .text(let b)): a.hasSameBytes(as: b)
    case (.number(let a), .number(let b)): a == b
    case (.bool(let a), .bool(let b)): a == b
    case (.time(let a), .time(let b)): a == b
    case (.time(let a), .now(let offset)): a == now + offset
    default: false
    }
  }

  private static func ordered(_ value: FilterField.Value, _ order: Order, _ operand: Operand, _ now: Int64) -> Bool {
    switch (value, operand) {
    case (.number(let a), .number(let b)): order.holds(a, b)
    case (.time(let a), .time(let b)): order.holds(a, b)
    case (.time(let a), .now(let offset)): order.holds(a, now + offset)
    default: false
    }
  }

  // MARK: Time

  /// The offsets from now that the test compares with.
  var offsetsFromNow: [Int64] {
    let operands: [Operand] =
      switch condition {
      case .exists: []
      case .equals(let operand), .ordered(_, let operand): [operand]
      case .isIn(let operands): operands
      }
    return operands.compactMap { if case .now(let offset) = $0 { offset } else { nil } }
  }

  /// The next time at which the test may change for this document.
  func nextChange(of document: ItemDocument, after now: Int64) -> Int64? {
    let offsets = offsetsFromNow
    guard !offsets.isEmpty else { return nil }
    var next: Int64?
    _ = field.contains(in: document) { value in
      guard case .time(let time) = value else { return false }
      for offset in offsets {
        for delay in delays where time - offset + delay > now { next = earlier(next, time - offset + delay) }
      }
      return false
    }
    return next
  }

  /// When the test changes: in the millisecond at which the field equals the operand, in the one after it, or in both.
  private var delays: ClosedRange<Int64> {
    switch condition {
    case .ordered(.lessOrEqual, _), .ordered(.greater, _): 0...0
    case .ordered(.less, _), .ordered(.greaterOrEqual, _): 1...1
    case .equals, .isIn, .exists: 0...1
    }
  }

  // MARK: Text

  /// - Parameter isNegated: writes `!=` and `not in`; other conditions have no such form, and `nil` is returned.
  func canonicalText(isNegated: Bool) -> String? {
    let name = field.canonicalText
    switch condition {
    case .exists: return isNegated ? nil : "\(name) exists"
    case .equals(let operand): return "\(name) \(isNegated ? "!=" : "=") \(operand.canonicalText)"
    case .ordered(let order, let operand): return isNegated ? nil : "\(name) \(order.rawValue) \(operand.canonicalText)"
    case .isIn(let operands):
      return "\(name) \(isNegated ? "not in" : "in") [\(operands.map(\.canonicalText).joined(separator: ", "))]"
    }
  }
}

extension FilterTest.Operand {
  static let units: [(letter: Unicode.Scalar, milliseconds: Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]

  var canonicalText: String {
    switch self {
    case .text(let text): return JSONValue.string(text).text
    case .number(let number): return JSONValue.number(number).text
    case .bool(let flag): return flag ? "true" : "false"
    case .time(let time): return JSONValue.string(Timestamp.rfc3339(milliseconds: time)).text
    case .now(0): return "now"
    case .now(let offset):
      let unit = Self.units.first { offset % $0.milliseconds == 0 } ?? ("s", 1000)
      return "now \(offset < 0 ? "-" : "+") \(offset.magnitude / UInt64(unit.milliseconds))\(unit.letter)"
    }
  }
}
