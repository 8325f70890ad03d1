/// The rules by which the columns of a file are judged before it is read.
///
/// Each rule looks for one way in which columns are mistaken for others. What leaves no doubt is refused at any size. Ratios are judged
/// from 10,000 rows on and otherwise only give a warning: of the published tables of interactions, the most extreme ones have 0.95
/// different users a row and 0.55 different items.
enum PlausibilityRules {
  typealias Rule = @Sendable (PlausibilityEvidence) -> [Finding]

  static let table: [Rule] = [
    timesAsIDs, codesAsUsers, serialNumbersAsIDs, typesAsUsers, ratingsAsItems, valuesThatAreIDs, everyItemOnce, everyUserOnce, fewUsers,
    swappedSides, timesOutOfTheWorld, shape, standIns, fractionsInIDs, unusedTypes, repeats,
  ]

  static func findings(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard evidence.rows > 0 else { return [] }
    var findings = table.flatMap { $0(evidence) }
    // One reason for a column is enough; the first rule that refuses it says it best.
    var refused: Set<[Int]> = []
    findings.removeAll { !$0.columns.isEmpty && $0.severity == .refusal && !refused.insert($0.columns).inserted }
    findings.removeAll { $0.severity == .warning && refused.contains($0.columns) }
    return findings
  }

  // MARK: Ids that are something else

  @Sendable private static func timesAsIDs(_ evidence: PlausibilityEvidence) -> [Finding] {
    [InteractionField.user, .item].compactMap { field in
      guard let column = evidence[field], column.areTimes, column.areDates || column.filled >= 20 else { return nil }
      let share = column.share(column.dates + column.epochs)
      return evidence.finding(
        .refusal, "times-as-ids", field, share: share, "but \(PlausibilityEvidence.percent(share)) of its cells are times")
    }
  }

  @Sendable private static func codesAsUsers(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let user = evidence[.user], let item = evidence[.item], user.filled >= 5 else { return [] }
    let share = user.share(user.codes.total)
    guard share >= 0.9, item.share(item.codes.total) < 0.5 else { return [] }
    return [
      evidence.finding(
        .refusal, "codes-as-users", .user, share: share,
        "but \(PlausibilityEvidence.percent(share)) of its cells are codes of products (ASIN, ISBN or EAN), and those of the items are not: users and items seem to be exchanged"
      )
    ]
  }

  @Sendable private static func serialNumbersAsIDs(_ evidence: PlausibilityEvidence) -> [Finding] {
    [InteractionField.user, .item].compactMap { field in
      guard let column = evidence[field], column.filled >= 20, column.distinct == column.filled else { return nil }
      if column.isSerial {
        return evidence.finding(.refusal, "serial-numbers-as-ids", field, share: 1, "but its cells count the rows")
      }
      guard column.areUUIDs else { return nil }
      return evidence.finding(
        .refusal, "serial-numbers-as-ids", field, share: 1, "but its cells are UUIDs of which none occurs twice, as those of events are")
    }
  }

  @Sendable private static func typesAsUsers(_ evidence: PlausibilityEvidence) -> [Finding] {
    [InteractionField.user, .item].compactMap { field in
      guard let column = evidence[field], column.filled >= 3, column.share(column.typeWords) >= 0.95, column.distinct < column.filled else {
        return nil
      }
      return evidence.finding(
        .refusal, "types-as-ids", field, share: column.share(column.typeWords),
        "but its \(column.distinct) different cells are types of events")
    }
  }

  /// Also the blocks of the Netflix files, in which the item stands in a line of its own.
  @Sendable private static func ratingsAsItems(_ evidence: PlausibilityEvidence) -> [Finding] {
    if evidence.profile.blockLines > 0, evidence.profile.width > 1 {
      let share = Double(evidence.profile.blockLines) / Double(evidence.rows)
      return [
        evidence.finding(
          .refusal, "blocks", .item, share: share,
          "but \(evidence.profile.blockLines) lines are a number and a colon, which name the item of the lines below them: write the item into each line first"
        )
      ]
    }
    guard let item = evidence[.item], item.filled >= 20, item.areRatings, evidence.columns.origins[.item] == .position else { return [] }
    let isScale = item.distinct <= 11 && item.distinct * 10 < item.filled
    guard isScale else { return [] }
    return [
      evidence.finding(
        .refusal, "ratings-as-items", .item, share: item.share(item.ratings),
        "but its \(item.distinct) different cells are numbers of a rating scale")
    ]
  }

  // MARK: Values

  @Sendable private static func valuesThatAreIDs(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let column = evidence.columns[.value], let value = evidence[.value], value.filled > 0 else { return [] }
    let isPositional = evidence.columns.origins[.value] == .position
    let certain: Finding.Severity = evidence.usesValues || isPositional ? .refusal : .warning
    if value.canBeTimes, evidence[.time]?.canBeTimes != true || value.areTimes {
      return [
        evidence.finding(certain, "times-as-values", .value, share: value.share(value.dates + value.epochs), "but its cells are times")
      ]
    }
    guard value.numbers > 0 else { return [] }
    if value.share(value.overMillion) > 0.01 {
      return [
        evidence.finding(
          certain, "ids-as-values", .value, share: value.share(value.overMillion),
          "but \(PlausibilityEvidence.percent(value.share(value.overMillion))) of its numbers exceed a million")
      ]
    }
    let equal =
      [InteractionField.user, .item].compactMap { evidence.columns[$0] }.map { evidence.profile.equalRows(column, $0) }.max() ?? 0
    let unsure: Finding.Severity = evidence.usesValues && evidence.isLarge ? .refusal : .warning
    if evidence.rows >= 100, value.share(equal) >= 0.05, value.distinct > 11 {
      return [
        evidence.finding(
          unsure, "ids-as-values", .value, share: value.share(equal),
          "but \(PlausibilityEvidence.percent(value.share(equal))) of its cells equal the user or the item of the row")
      ]
    }
    guard evidence.usesValues else { return negatives(evidence, value) }
    return sentinels(evidence, value) + wideValues(evidence, value)
  }

  @Sendable private static func negatives(_ evidence: PlausibilityEvidence, _ value: ColumnProfile) -> [Finding] {
    guard value.filled >= 100, value.share(value.negatives) > 0.001 else { return [] }
    return [
      evidence.finding(
        .warning, "negative-values", .value, share: value.share(value.negatives), samples: [],
        "\(PlausibilityEvidence.percent(value.share(value.negatives))) of whose numbers are negative, such as returned goods or dislikes: values are not used, so these rows count like the others"
      )
    ]
  }

  @Sendable private static func sentinels(_ evidence: PlausibilityEvidence, _ value: ColumnProfile) -> [Finding] {
    [("0", value.fraction.zero), ("-1", value.fraction.minusOne), ("99", value.fraction.ninetyNine)].compactMap { number, count in
      guard value.filled >= 100, value.share(count) > 0.2 else { return nil }
      return evidence.finding(
        .refusal, "sentinels", .value, share: value.share(count), samples: [],
        "but \(PlausibilityEvidence.percent(value.share(count))) of its numbers are \(number), which mostly stands for no value")
    }
  }

  @Sendable private static func wideValues(_ evidence: PlausibilityEvidence, _ value: ColumnProfile) -> [Finding] {
    guard value.filled >= 100, value.maximum > 1000 else { return [] }
    return [
      evidence.finding(
        .warning, "wide-values", .value, share: 1, samples: [],
        "whose numbers reach \(Int(value.maximum)): as weights they let a few rows decide; --value log1p reduces that")
    ]
  }

  // MARK: How many

  @Sendable private static func everyItemOnce(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let item = evidence[.item], item.filled >= 100 else { return [] }
    let share = item.distinctShare
    // A sample of a large file sees few of its repeated items twice, but hardly ever none.
    let (refused, warned) = evidence.isWhole ? (0.9, evidence.isLarge ? 0.6 : 0.9) : (0.995, 0.97)
    guard share >= warned else { return [] }
    let hasOther = ColumnGuess(evidence.profile).columns[.item].map { other in
      other != evidence.columns[.item] && evidence.profile.columns[other].distinctShare < 0.6
    }
    let isRefused = share >= refused && (evidence.isLarge || (share >= 0.995 && hasOther == true))
    return [
      evidence.finding(
        isRefused ? .refusal : .warning, "every-item-once", .item, share: share,
        "in which \(PlausibilityEvidence.percent(share)) of the cells differ: hardly an item occurs twice")
    ]
  }

  @Sendable private static func everyUserOnce(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let user = evidence[.user], user.filled >= 100 else { return [] }
    let share = user.distinctShare
    guard share >= (evidence.isWhole ? 0.96 : 0.995) else { return [] }
    let isRefused = evidence.isLarge && share >= (evidence.isWhole ? 0.995 : 0.9999)
    return [
      evidence.finding(
        isRefused ? .refusal : .warning, "every-user-once", .user, share: share,
        "in which \(PlausibilityEvidence.percent(share)) of the cells differ: hardly a user occurs twice")
    ]
  }

  @Sendable private static func fewUsers(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard evidence.isLarge, evidence.profile.extent != .beginning else { return [] }
    var findings: [Finding] = []
    for (field, refused, warned) in [(InteractionField.user, 20, 100), (.item, 10, 50)] {
      guard let column = evidence[field], column.distinct < warned else { continue }
      findings.append(
        evidence.finding(
          column.distinct <= refused ? .refusal : .warning, "few-\(field.rawValue)s", field, share: column.distinctShare,
          "which has only \(column.distinct) different cells"))
    }
    return findings
  }

  @Sendable private static func swappedSides(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let user = evidence[.user], let item = evidence[.item], evidence.isLarge, evidence.isWhole, user.distinct > 0,
      let itemColumn = evidence.columns[.item]
    else { return [] }
    let ratio = Double(item.distinct) / Double(user.distinct)
    guard ratio > 3, evidence.profile.medianCount(itemColumn) <= 1, user.most.count > 1000 || user.share(user.most.count) > 0.005 else {
      return []
    }
    return [
      evidence.finding(
        .warning, "swapped-sides", .user, share: user.share(user.most.count),
        "one of which has \(user.most.count) rows, while most items have one: users and items may be exchanged")
    ]
  }

  // MARK: Times

  @Sendable private static func timesOutOfTheWorld(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let time = evidence[.time], time.filled > 0 else { return [] }
    let outside = time.share(time.numbers - min(time.numbers, time.epochs))
    if time.share(time.digitDates) > 0.5, evidence.readsTimesAutomatically {
      return [
        evidence.finding(
          .refusal, "dates-in-digits", .time, share: time.share(time.digitDates),
          "whose cells may be dates in digits or numbers: say which with --time-format yyyyMMdd or --time-format seconds")
      ]
    }
    guard evidence.readsTimesAutomatically, time.filled >= 20, outside > 0.01 else { return [] }
    let isRefused = evidence.usesTimes && outside > 0.5 && time.filled >= 1000 && time.maximum > 1e7
    return [
      evidence.finding(
        isRefused ? .refusal : .warning, "times-out-of-the-world", .time, share: outside,
        "but \(PlausibilityEvidence.percent(outside)) of its numbers are no times from 1995 on (--time-format names the unit)")
    ]
  }

  // MARK: Shape

  @Sendable private static func shape(_ evidence: PlausibilityEvidence) -> [Finding] {
    let profile = evidence.profile
    guard profile.rows >= 100 else { return [] }
    let others = profile.rows - (profile.widths[profile.width] ?? 0)
    let tooFew = profile.widths.reduce(0) { $0 + ($1.key < evidence.columns.needed ? $1.value : 0) }
    var findings: [Finding] = []
    let share = Double(others) / Double(profile.rows)
    if share > 0.001 {
      let isRefused = Double(tooFew) > 0.1 * Double(profile.rows) && profile.rows >= 1000
      findings.append(
        Finding(
          severity: isRefused ? .refusal : .warning, rule: "shape",
          sentence:
            "\(PlausibilityEvidence.percent(share)) of the rows have another number of columns than \(profile.width): the delimiter may occur within cells",
          columns: [], share: share, samples: []))
    }
    for field in [InteractionField.user, .item] {
      guard let column = evidence[field], column.share(column.oddCharacters) > 0.001 else { continue }
      findings.append(
        evidence.finding(
          .warning, "odd-characters", field, share: column.share(column.oddCharacters), samples: [],
          "\(PlausibilityEvidence.percent(column.share(column.oddCharacters))) of whose cells contain quotes, tabs or semicolons or are longer than 128 bytes"
        ))
    }
    return findings
  }

  private static let standInWords: Set<String> = [
    "", "null", "none", "nan", "na", "n/a", "0", "-1", "(not set)", "anonymous", "unknown", "guest", "undefined",
  ]

  @Sendable private static func standIns(_ evidence: PlausibilityEvidence) -> [Finding] {
    [InteractionField.user, .item].compactMap { field in
      guard let column = evidence[field], column.filled >= 100 else { return nil }
      let share = column.share(column.most.count)
      guard share > 0.05, standInWords.contains(column.most.text.lowercased()) else { return nil }
      return evidence.finding(
        share > 0.2 ? .refusal : .warning, "stand-ins", field, share: share, samples: [],
        "\(PlausibilityEvidence.percent(share)) of whose cells are \"\(column.most.text)\", which names nobody: leave these rows out")
    }
  }

  @Sendable private static func fractionsInIDs(_ evidence: PlausibilityEvidence) -> [Finding] {
    [InteractionField.user, .item].compactMap { field in
      guard let column = evidence[field], column.filled > 0 else { return nil }
      let share = column.share(column.wholeWithFraction)
      if share > 0.01, share < 1 {
        return evidence.finding(
          .warning, "fractions-in-ids", field, share: share, samples: [],
          "\(PlausibilityEvidence.percent(share)) of whose cells end with .0 and the others do not, so that one id may have two forms")
      }
      guard column.filled >= 100, let longest = column.lengths.max(by: { $0.value < $1.value }), longest.key >= 8,
        column.share(longest.value) >= 0.8, let shorter = column.lengths[longest.key - 1], column.share(shorter) > 0.01
      else { return nil }
      return evidence.finding(
        .warning, "lost-zeros", field, share: column.share(shorter), samples: [],
        "\(PlausibilityEvidence.percent(column.share(shorter))) of whose numbers are one digit shorter than the others: a leading zero may be lost"
      )
    }
  }

  // MARK: Types and repeats

  @Sendable private static func unusedTypes(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard let type = evidence[.type], type.filled > 0 else { return [] }
    var findings: [Finding] = []
    if type.distinct > 200, type.distinctShare > 0.1 {
      findings.append(
        evidence.finding(
          evidence.columns.origins[.type] == .caller ? .warning : .refusal, "ids-as-types", .type, share: type.distinctShare,
          "which has \(type.distinct) different cells, more than types of events have: leave it out with --columns type="))
    }
    let names = type.names
    if let isKnownType = evidence.isKnownType {
      let unknown = names.filter { !isKnownType($0.key) }
      let share = type.share(unknown.values.reduce(0, +))
      if share > 0.01 {
        findings.append(
          evidence.finding(
            share > 0.5 ? .refusal : .warning, "types-without-weight", .type, share: share,
            samples: unknown.keys.sorted().prefix(3).map { $0 },
            "\(PlausibilityEvidence.percent(share)) of whose cells are types without a weight (input.weights), which are left out"))
      }
    }
    let shown = names.keys.filter { EventTypeWords.shown.contains(ColumnNames.folded($0)) && evidence.isKnownType?($0) ?? true }.sorted()
    if !shown.isEmpty {
      findings.append(
        evidence.finding(
          .warning, "shown-items", .type, share: type.share(shown.reduce(0) { $0 + (names[$1] ?? 0) }), samples: shown,
          "and types of items that were only shown to the user count like the others"))
    }
    return findings
  }

  @Sendable private static func repeats(_ evidence: PlausibilityEvidence) -> [Finding] {
    guard evidence.isWhole, evidence.rows >= 1000, evidence.columns[.time] != nil else { return [] }
    let columns = [InteractionField.user, .item, .type, .time].compactMap { evidence.columns[$0] }
    let share = Double(evidence.profile.repeatedRows(columns)) / Double(evidence.rows)
    guard share > 0.2 else { return [] }
    return [
      Finding(
        severity: .warning, rule: "repeats",
        sentence: "\(PlausibilityEvidence.percent(share)) of the rows repeat the user, item and time of an earlier row",
        columns: [], share: share, samples: [])
    ]
  }
}
