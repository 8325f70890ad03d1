/// A column of a table that is written.
public struct PostgresColumn: Sendable, Equatable {
  public enum Kind: Sendable, Equatable, CaseIterable {
    case text, integer, bigint, real, timestamptz, realArray
  }

  public let name: String
  public let kind: Kind
  /// Whether values may be missing.
  public let isNullable: Bool

  public init(_ name: String, _ kind: Kind, isNullable: Bool = false) {
    self.name = name
    self.kind = kind
    self.isNullable = isNullable
  }
}

extension PostgresColumn.Kind {
  /// As a column is created, and as `format_type` calls it.
  var type: String {
    switch self {
    case .text: "text"
    case .integer: "integer"
    case .bigint: "bigint"
    case .real: "real"
    case .timestamptz: "timestamp with time zone"
    case .realArray: "real[]"
    }
  }

  /// Types of a table that is there already which keep every value.
  var fittingTypes: [String] {
    switch self {
    case .text: [type, "character varying"]
    case .integer: [type, "bigint"]
    case .real: [type, "double precision"]
    case .realArray: [type, "double precision[]"]
    // Not `timestamp`: what a value means there depends on who reads it.
    case .bigint, .timestamptz: [type]
    }
  }
}
