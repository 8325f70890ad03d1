/// Why a text is no document or rule, or a patch cannot be applied.
public struct DocumentFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The raw value is the code that clients and the label `reason` of metrics see; it has the words of rejected events.
  public enum Reason: String, Sendable, CaseIterable {
    case empty
    case tooLarge = "too_large"
    case badUTF8 = "bad_utf8"
    case badJSON = "bad_json"
    case tooDeep = "too_deep"
    case notObject = "not_object"
    case duplicateField = "duplicate_field"
    /// A required field is absent or null.
    case missingField = "missing_field"
    case badID = "bad_id"
    case idTooLong = "id_too_long"
    case badValue = "bad_value"
    case badTimestamp = "bad_timestamp"
    /// A rule's filter; the message says where.
    case badFilter = "bad_filter"
    /// More rules or pins than are allowed.
    case tooMany = "too_many"
  }

  public let reason: Reason
  /// The field at fault, for example `categories`.
  public let field: String?
  /// One sentence that says what was expected.
  public let message: String

  public init(_ reason: Reason, field: String? = nil, _ message: String) {
    self.reason = reason
    self.field = field
    self.message = message
  }

  public var description: String { "\(reason.rawValue): \(message)" }

  init(_ fault: JSONReader.Fault) {
    let reason: Reason =
      switch fault.kind {
      case .syntax: .badJSON
      case .utf8: .badUTF8
      case .depth: .tooDeep
      case .repeatedName: .duplicateField
      }
    self.init(reason, "\(fault.message) (byte \(fault.position))")
  }
}
