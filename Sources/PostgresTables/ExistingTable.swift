/// A table as the catalogue of a database describes it, and whether rows can replace what it holds.
struct ExistingTable {
  struct Column {
    let name: String
    /// In the words of `format_type`.
    let type: String
    /// Not null and without a default.
    let isRequired: Bool
    /// The database makes its values.
    let isComputed: Bool
  }

  let name: PostgresTableName
  /// As in `pg_class.relkind`.
  let kind: String
  let missingRights: [String]
  /// Tables with a foreign key to this one.
  let referringTables: [String]
  let columns: [Column]

  /// One row: schema, name, kind, rights that are missing, referring tables, and its number. No row: there is no such table.
  static let query = """
    SELECT n.nspname, c.relname, c.relkind,
      pg_catalog.concat_ws(', ',
        CASE WHEN NOT pg_catalog.has_any_column_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
        CASE WHEN NOT pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') THEN 'TRUNCATE' END),
      (SELECT pg_catalog.string_agg(DISTINCT k.conrelid::pg_catalog.regclass::pg_catalog.text, ', ') FROM pg_catalog.pg_constraint k
        WHERE k.confrelid = c.oid AND k.conrelid <> c.oid AND k.contype = 'f'),
      c.oid
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass($1)
    """

  /// A row for each column, in order: name, type, whether it is required and whether it is computed.
  static let columnQuery = """
    SELECT attname, pg_catalog.format_type(atttypid, NULL),
      attnotnull AND NOT atthasdef AND attidentity = '', attgenerated <> '' OR attidentity = 'a'
    FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
    """

  /// What is in the way of writing these columns, each with its fix; the code is that of the first.
  func problem(_ wanted: [PostgresColumn]) -> PostgresError? {
    guard kind == "r" || kind == "p" else {
      return PostgresError(.mismatch, "\(name) is no table but a \(Self.kinds[kind] ?? "relation of kind \(kind)"): name another one")
    }
    if !missingRights.isEmpty {
      let rights = missingRights.joined(separator: ", ")
      return PostgresError(.denied, "no right to \(rights) on \(name): GRANT \(rights) ON \(name) TO this user, or connect as its owner")
    }
    if !referringTables.isEmpty {
      let tables = referringTables.joined(separator: ", ")
      return PostgresError(
        .mismatch,
        "\(name) cannot be emptied, because foreign keys of \(tables) refer to it: drop them, or name another table"
      )
    }
    let differences = differences(wanted)
    guard !differences.isEmpty else { return nil }
    return PostgresError(
      .mismatch,
      "\(name) has other columns: \(differences.joined(separator: "; ")). ALTER TABLE, name another table, or DROP TABLE to have it created"
    )
  }

  private func differences(_ wanted: [PostgresColumn]) -> [String] {
    let missing = wanted.compactMap { column -> String? in
      let name = PostgresName.quoted(column.name)
      guard let found = columns.first(where: { $0.name == column.name }) else { return "\(name) (\(column.kind.type)) is missing" }
      if found.isComputed { return "the database computes \(name) itself" }
      return column.kind.fittingTypes.contains(found.type) ? nil : "\(name) is \(found.type) and must be \(column.kind.type)"
    }
    let others = columns.filter { column in column.isRequired && !wanted.contains { $0.name == column.name } }
    return missing + others.map { "\(PostgresName.quoted($0.name)) is not written, but must not be null and has no default" }
  }

  private static let kinds = ["v": "view", "m": "materialized view", "f": "foreign table", "S": "sequence", "i": "index", "c": "type"]
}

extension ExistingTable {
  init?(_ name: PostgresTableName, on connection: PostgresConnection, within limit: Duration) throws(PostgresError) {
    guard let row = try connection.run(Self.query, [name.description], within: limit).first else { return nil }
    func list(_ text: String?) -> [String] { (text ?? "").split(separator: ", ").map(String.init) }
    self.name = PostgresTableName(schema: row[0], table: row[1] ?? "")
    (kind, missingRights, referringTables) = (row[2] ?? "", list(row[3]), list(row[4]))
    columns = try connection.run(Self.columnQuery, [row[5] ?? ""], within: limit).map { row in
      Column(name: row[0] ?? "", type: row[1] ?? "", isRequired: row[2] == "t", isComputed: row[3] == "t")
    }
  }
}
