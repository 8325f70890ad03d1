/// Which of many named places of a record hold the fields of an interaction, by their names.
public enum FieldProposal {
  /// - Parameter paths: places in records, such as `payload.after.user_id` or `items[].sku`.
  /// - Returns: the places of each field that have the same last name, the shorter ones first.
  public static func places(among paths: [String]) -> [InteractionField: [String]] {
    let ordered = paths.sorted { (depth($0), $0) < (depth($1), $1) }
    let match = ColumnNames.match(ordered.map(lastName))
    func namesakes(_ index: Int) -> [String] {
      let name = ColumnNames.folded(lastName(ordered[index]))
      return ordered.filter { ColumnNames.folded(lastName($0)) == name }
    }
    var places = match.columns.mapValues(namesakes)
    // Where nothing else names a side, what may stand in for it is better than nothing; a person reads the proposal.
    for field in [InteractionField.user, .item] where places[field] == nil {
      places[field] = match.candidates[field]?.first.map(namesakes)
    }
    return places
  }

  private static func depth(_ path: String) -> Int { path.count { $0 == "." } }

  private static func lastName(_ path: String) -> String {
    (path.split(separator: ".").last.map(String.init) ?? path).replacing("[]", with: "")
  }
}
