/// The fields of an interaction that a column can hold.
public enum InteractionField: String, Sendable, CaseIterable {
  case user, item, value, type, time
  /// Identifies repeated events.
  case id
  /// Whether the row adds, sets or deletes.
  case op
}

/// The names under which other systems and well-known files have these fields.
///
/// Names are compared without case, spaces, `_`, `-` and `.`. The table is in the order of preference: of two names of one field in one
/// file, the first in the table is taken.
enum ColumnNames {
  private struct Row {
    let field: InteractionField
    /// Taken wherever they stand.
    let names: [String]
    /// Taken if none of the others is there.
    let weakNames: [String]
    /// Never taken unasked, but known: a file that has only these is asked about.
    let otherNames: [String]
  }

  private static let table = [
    Row(
      field: .user,
      names: [
        "userid", "user", "customerid", "visitorid", "userpseudoid", "reviewerid", "anonymousid", "uid", "users", "visitor", "customer",
      ],
      weakNames: ["domainuserid", "entityid", "steamid", "memberid", "accountid", "clientid", "profileid", "usersha1"],
      otherNames: ["sessionid", "session", "pid", "orderid", "deviceid", "username"]),
    Row(
      field: .item,
      names: [
        "itemid", "productid", "item", "movieid", "sku", "articleid", "asin", "parentasin", "bookid", "isbn", "trackid", "videoid",
        "newsid", "items", "movie", "product", "article", "iid",
      ],
      weakNames: [
        "targetentityid", "businessid", "venueid", "artistid", "songid", "gameid", "stockcode", "clickarticleid", "itemsku", "contentid",
        "documentid", "trackuri", "aid",
      ],
      otherNames: ["categoryid", "sellerid", "albumid", "name", "title", "id"]),
    Row(
      field: .type,
      names: [
        "eventtype", "eventname", "event", "feedbacktype", "behavior", "behaviortype", "behaviour", "behaviourtype", "interactiontype",
        "type", "actiontype",
      ],
      weakNames: ["action", "verb", "activity"], otherNames: ["label", "kind"]),
    Row(
      field: .value,
      names: [
        "rating", "eventvalue", "value", "quantity", "overall", "stars", "bookrating", "plays", "playcount", "weight", "score", "strength",
        "count",
      ],
      weakNames: ["amount", "watchratio", "playtimeforever", "hours", "duration"],
      otherNames: ["price", "revenue", "total", "position", "useful", "helpful", "reordered", "discount"]),
    Row(
      field: .time,
      names: [
        "timestamp", "eventtime", "time", "ts", "eventtimestamp", "datetime", "date", "createdat", "unixreviewtime", "clicktimestamp",
        "unixtime",
      ],
      weakNames: ["sentat", "originaltimestamp", "derivedtstamp", "invoicedate", "tdat", "transactiondate", "dateadded", "reviewtime"],
      otherNames: ["receivedat", "collectortstamp", "sessionstart", "updatedat", "tsms", "timeframe", "year"]),
    Row(
      field: .id, names: ["eventid", "messageid", "ceid"], weakNames: ["reviewid"], otherNames: ["transactionid", "invoiceno", "requestid"]),
    Row(field: .op, names: ["op", "operation", "deleted", "isdeleted"], weakNames: [], otherNames: []),
  ]

  /// The name as it is compared. RecBole's suffix (`user_id:token`) is cut.
  static func folded(_ name: String) -> String {
    var name = name[...]
    if let colon = name.lastIndex(of: ":"), ["token", "token_seq", "float", "float_seq"].contains(name[colon...].dropFirst()) {
      name = name[..<colon]
    }
    return String(name.lowercased().filter { $0.isLetter || $0.isNumber })
  }

  struct Match {
    /// The columns, numbered from 0.
    var columns: [InteractionField: Int] = [:]
    /// Columns that name a field for which another one was taken.
    var others: [InteractionField: [Int]] = [:]
    /// Columns that may stand for a field, if somebody says so.
    var candidates: [InteractionField: [Int]] = [:]
  }

  /// The fields that these names of columns stand for.
  static func match(_ header: [String]) -> Match {
    let names = header.map(folded)
    var match = Match()
    var claimed: Set<Int> = []
    for row in table {
      let strong = row.names.compactMap(names.firstIndex(of:))
      let found = strong.isEmpty ? row.weakNames.compactMap(names.firstIndex(of:)) : strong
      if let first = found.first(where: { !claimed.contains($0) }) {
        match.columns[row.field] = first
        claimed.insert(first)
      }
      match.others[row.field] = found.filter { $0 != match.columns[row.field] }
      match.candidates[row.field] = row.otherNames.compactMap(names.firstIndex(of:))
    }
    return match
  }

  /// Whether these cells are names of columns: a user and an item, or several names of the table and nothing that is a number.
  static func areNames(_ cells: [String]) -> Bool {
    guard cells.count >= 2 else { return false }
    let match = match(cells)
    if match.columns[.user] != nil, match.columns[.item] != nil { return true }
    let known = Set(match.columns.values).union(match.others.values.joined()).union(match.candidates.values.joined())
    return known.count >= 2 && !cells.contains { Double($0) != nil }
  }
}
