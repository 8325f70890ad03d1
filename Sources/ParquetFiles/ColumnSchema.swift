/// What a column holds, as the footer says it.
struct ColumnSchema {
  /// The types in which values are stored, with their numbers in the format.
  enum Physical: Int32 {
    case int32 = 1
    case int64 = 2
    case float = 4
    case double = 5
    case bytes = 6
  }

  /// What the stored values mean beyond their type.
  enum Meaning {
    case plain
    case text
    case timestamp(ParquetTimeUnit, isUTC: Bool)
    /// Each row is a list of values, none of them missing.
    case list
  }

  let name: String
  let physical: Physical
  let meaning: Meaning
  let isOptional: Bool

  /// The names from the root of the schema to the values.
  var path: [String] { if case .list = meaning { [name, "list", "element"] } else { [name] } }

  /// How many elements of the schema this column takes.
  var elements: Int { path.count }

  private enum Repetition: Int32 { case required, optional, repeated }

  func write(to thrift: inout ThriftCompactWriter) {
    let repetition = isOptional ? Repetition.optional : .required
    guard case .list = meaning else {
      thrift.structure { leaf in
        leaf.field(1, int32: physical.rawValue)
        leaf.field(3, int32: repetition.rawValue)
        leaf.field(4, name)
        writeMeaning(to: &leaf)
      }
      return
    }
    thrift.structure { group in
      group.field(3, int32: repetition.rawValue)
      group.field(4, name)
      group.field(5, int32: 1)
      group.field(6, int32: 3)
      group.field(10) { $0.field(3) { _ in } }
    }
    thrift.structure { group in
      group.field(3, int32: Repetition.repeated.rawValue)
      group.field(4, "list")
      group.field(5, int32: 1)
    }
    thrift.structure { leaf in
      leaf.field(1, int32: physical.rawValue)
      leaf.field(3, int32: Repetition.required.rawValue)
      leaf.field(4, "element")
    }
  }

  /// Each meaning in its old and in its new form, because some readers know only one of them.
  private func writeMeaning(to leaf: inout ThriftCompactWriter) {
    switch meaning {
    case .plain, .list: break
    case .text:
      leaf.field(6, int32: 0)
      leaf.field(10) { $0.field(1) { _ in } }
    case .timestamp(let unit, let isUTC):
      // The old form always means UTC.
      if isUTC { leaf.field(6, int32: unit == .milliseconds ? 9 : 10) }
      leaf.field(10) { logical in
        logical.field(8) { timestamp in
          timestamp.field(1, isUTC)
          timestamp.field(2) { $0.field(unit == .milliseconds ? 1 : 2) { _ in } }
        }
      }
    }
  }
}
