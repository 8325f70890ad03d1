import HTTPServing
import ItemMetadata
import StreamingRecommender

extension ListOptions {
  static let context = RequestOption(
    "context", .weights(countMax: contextMax),
    "Items that matter in this moment, each as ITEM or ITEM=WEIGHT (weight 1 unless given). The list is for the user's taste together with them."
  )

  /// The parameters of every list.
  static let table: [RequestOption] = [
    RequestOption("n", .integer(1...countMax), "The number of items, 1 to \(countMax); topn.n unless given."),
    RequestOption("offset", .integer(0...(endMax - 1)), "Items to skip; offset + n may be up to \(endMax)."),
    RequestOption("exclude", .texts(countMax: idsMax, queryCountMax: queryIDsMax), "Items that the list leaves out."),
    RequestOption("include", .texts(countMax: idsMax, queryCountMax: queryIDsMax), "The only items that may be listed."),
    RequestOption("category", .texts(countMax: 100, queryCountMax: queryIDsMax), "Only items of any of these categories."),
    RequestOption(
      "filter", .text(bytesMax: 5_000), "Only items whose documents pass, such as `price < 10 and not tags = \"red\"`.",
      example: #"categories = "home" and price < 10"#),
    RequestOption(
      "strict", .flag, "true (unless given): a filter that leaves too little gives a short list; false: other items follow those that pass."
    ),
    context,
    RequestOption("diversity", .number(0...1), "From 0 (the best items) to 1 (the most different ones)."),
    RequestOption("max_per_category", .integer(1...countMax), "The most items of one category."),
    RequestOption("min_score", .number(-1e9...1e9), "Leaves out items with a lower score."),
    RequestOption(
      "fields", .texts(countMax: fieldsMax, queryCountMax: fieldsMax),
      "Fields of the items' documents to return: title, categories, tags, or a property such as price or size.width."),
    RequestOption("placement", .text(bytesMax: 64), "A word that names the place on the page; rules and counters use it."),
    RequestOption("seen", .choice(["exclude", "include"]), "include: items that the user has seen may be listed."),
    RequestOption("explain", .flag, "Adds to each item the parts of its score."),
  ]

  init(_ values: OptionValues) throws(Problem) {
    self.init()
    n = values.integer("n")
    offset = values.integer("offset") ?? 0
    guard offset + (n ?? 1) <= Self.endMax else {
      throw Problem(
        .parameter, "offset + n is \(offset + (n ?? 1)); it may be up to \(Self.endMax)", fix: "ask for an earlier page",
        members: [.init("parameter", "offset")])
    }
    exclude = values.identifiers("exclude") ?? []
    include = values.identifiers("include")
    filter = try Self.filter(values)
    isStrict = values.flag("strict") ?? true
    context = try values.weights(Self.context) ?? []
    diversity = values.number("diversity") ?? 0
    givesDiversity = values.has("diversity")
    maxPerCategory = values.integer("max_per_category")
    minScore = values.number("min_score").map { Float($0) }
    fields = values.texts("fields")?.flatMap { $0.split(separator: ",").map(String.init) } ?? []
    placement = values.text("placement")
    includesSeen = values.text("seen") == "include"
    explains = values.flag("explain") ?? false
  }

  /// `category` and `filter` together.
  static func filter(_ values: OptionValues) throws(Problem) -> ItemFilter? {
    var filter: ItemFilter?
    if let text = values.text("filter") {
      do throws(FilterFault) { filter = try ItemFilter(text, limits: values.isBody ? .body : .query) } catch { throw Problem(error) }
    }
    guard let names = values.texts("category"), !names.isEmpty else { return filter }
    let categories = ItemFilter.categories(anyOf: names)
    return filter.map { categories.and($0) } ?? categories
  }
}

extension Problem {
  init(_ fault: FilterFault) {
    let type: ProblemType =
      switch fault.code {
      case .syntax: .filterSyntax
      case .type: .filterType
      case .limit: .filterLimit
      }
    self.init(
      type, fault.message, fix: "see the grammar of filters in the documentation", position: fault.position,
      members: [.init("parameter", "filter")])
  }
}
