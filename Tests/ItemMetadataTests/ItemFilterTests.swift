import ItemMetadata
import Testing

/// The catalogue of the table: A and B are whole, C and D say little, E is out of date.
enum Shop {
  static let documents: [ItemDocument] = {
    let rows = [
      #"{"item_id":"A","categories":["home","gift"],"tags":["red"],"price":4.95,"brand":"Owl","stock":3}"#,
      #"{"item_id":"B","categories":["garden"],"tags":[],"price":12,"brand":"Oak","stock":0}"#,
      #"{"item_id":"C","categories":["home"],"brand":"owl"}"#, #"{"item_id":"D"}"#,
      #"{"item_id":"E","categories":["gift"],"price":"20","available_until":"2026-01-30T08:30:00Z"}"#,
    ]
    return rows.compactMap { try? document($0) }
  }()

  /// The ids of the items that are available and pass, in order.
  static func result(_ filter: String) throws -> String {
    let filter = try ItemFilter(filter)
    return documents.filter { $0.isAvailable(at: now) && filter.matches($0, now: now) }.map(\.itemID).joined(separator: " ")
  }

  static let table: [(String, String)] = [
    (#"categories = "home""#, "A C"), (#"categories in ["garden", "gift"]"#, "A B"), ("price < 10", "A"), ("not (price < 10)", "B C D"),
    ("price >= 10", "B"), ("price != 12", "A C D"), ("price exists", "A B"), (#"brand = "owl""#, "C"),
    (#"stock > 0 and categories = "gift""#, "A"), (#"categories = "home" and not tags = "red""#, "C"),
    (#"price < 10 or categories = "garden" and stock > 0"#, "A"),
  ]
}

@Suite struct ItemFilterTests {
  @Test func theShopIsRead() { #expect(Shop.documents.count == 5) }

  @Test(arguments: Shop.table) func aFilterKeepsTheItemsOfTheTable(filter: String, expected: String) throws {
    #expect(try Shop.result(filter) == expected)
  }

  @Test(arguments: [
    // not binds before and, and before or.
    (#"not price exists and categories = "home""#, "C"), (#"not (price exists and categories = "home")"#, "B C D"),
    (#"brand = "owl" or brand = "Owl" and stock = 3"#, "A C"), (#"(brand = "owl" or brand = "Owl") and stock = 3"#, "A"),
    // Missing fields and other types.
    (#"price not in [4.95, 12]"#, "C D"), ("price > 0", "A B"), (#"price = "4.95""#, ""), ("brand < 5", ""), ("title exists", ""),
    ("tags exists", "A"), ("not tags exists", "B C D"), ("hidden = false", "A B C D"), ("hidden = true", ""), ("title = 3", ""),
    ("item_id in [\"A\", \"D\", \"E\"]", "A D"), ("available_until exists", ""), ("price = 1.2e1", "B"), ("price = -12", ""),
    (#"brand = "\u004fak""#, "B"), ("price.x = 1", ""), ("price exists and not stock = 0", "A"), ("not (not (price = 12))", "B"),
    (#"categories = "gift" or categories = "garden" or not brand exists"#, "A B D"),
  ])
  func testsAreTrueOrFalse(filter: String, expected: String) throws { #expect(try Shop.result(filter) == expected) }

  @Test(arguments: [
    ("size.w = 1", true), ("size.w > 1", false), ("size exists", true), ("size = 1", false), ("size.deep.x = true", true),
    ("sizes = \"M\"", true), ("sizes in [\"XL\", 7]", true), ("variants.color = \"red\"", true), ("variants.color = \"green\"", false),
    ("title = \"T\"", true), ("properties.title = \"P\"", true), ("properties.price = 5", true), ("properties.in = 1", true),
    ("nothing exists", false), ("empty exists", false), ("sale != true", false), ("name = \"é\"", true), ("name = \"e\u{301}\"", false),
  ])
  func propertiesAreReachedByPath(filter: String, expected: Bool) throws {
    let item = try document(
      #"""
      {"item_id":"A","title":"T","price":5,"size":{"w":1,"deep":{"x":true}},"sizes":["S","M",7],"empty":[],"sale":true,"name":"é",
       "variants":[{"color":"red"},{"color":"blue"}],"properties":{"title":"P","in":1}}
      """#)
    #expect(try ItemFilter(filter).matches(item, now: now) == expected)
  }

  @Test(arguments: [
    ("available_until < now + 3d", true), ("available_until < now + 2d", false), ("available_until <= now+2d", true),
    ("available_until > now - 1h", true), ("expires_at = now + 48h", true), ("available_until = \"2026-02-02T08:30:00Z\"", true),
    ("available_until in [\"2026-02-02T09:30:00+01:00\"]", true), ("available_until >= \"2026-02-02T08:30:00.001Z\"", false),
    ("available_from < now", false), ("available_from != now", true), ("available_until > now and available_until < now + 2880m", false),
  ])
  func timesAreComparedWithNow(filter: String, expected: Bool) throws {
    let item = try ItemDocument(itemID: "A", availableUntil: now + 2 * day)
    #expect(try ItemFilter(filter).matches(item, now: now) == expected)
  }

  /// The outcome never changes between two moments of `nextChange`, and moves on at all.
  @Test(arguments: [
    "available_until < now + 1s", "available_until <= now + 1s", "available_until = now", "available_until in [now, now + 2s]",
    "not (available_until > now - 1s)", "available_from < now and available_until > now + 1s",
  ])
  func theOutcomeChangesOnlyAtABoundary(text: String) throws {
    let filter = try ItemFilter(text)
    let item = try ItemDocument(itemID: "A", availableFrom: now - 500, availableUntil: now)
    #expect(filter.dependsOnTime)
    var (time, boundaries) = (now - 2500, 0)
    while time < now + 2500 {
      let next = filter.nextChange(of: item, after: time) ?? .max
      #expect(next > time)
      let outcome = filter.matches(item, now: time)
      for between in time..<min(next, now + 2500) where filter.matches(item, now: between) != outcome {
        Issue.record("\(text) changed at \(between - now) before \(next - now)")
      }
      time = next
      boundaries += 1
    }
    #expect(2...5 ~= boundaries)
    #expect(try ItemFilter("price = 3").nextChange(of: item, after: 0) == nil)
  }
}

@Suite struct FilterTextTests {
  @Test(arguments: [
    (#"categories="home""#, #"categories = "home""#), (" ( ( price<10 ) ) ", "price < 10"), ("not(price<10)", "not price < 10"),
    ("(a = 1 and b = 2) and c = 3", "a = 1 and b = 2 and c = 3"), ("a = 1 or (b = 2 or c = 3)", "a = 1 or b = 2 or c = 3"),
    ("(a = 1 or b = 2) and c = 3", "(a = 1 or b = 2) and c = 3"), ("a = 1 or (b = 2 and c = 3)", "a = 1 or b = 2 and c = 3"),
    ("not (a = 1 and b = 2)", "not (a = 1 and b = 2)"), ("not a in [1,2]", "a not in [1, 2]"), ("not (a = 1)", "a != 1"),
    ("not (not (a = 1))", "a = 1"), ("not (a != 1)", "a = 1"), ("not a exists", "not a exists"),
    ("expires_at<now+24h", "available_until < now + 1d"), ("expires_at < now - 90s", "available_until < now - 90s"),
    ("expires_at < now + 0d", "available_until < now"), ("properties.a.b = 1.0", "a.b = 1"),
    ("properties.title = \"\\u0041\"", #"properties.title = "A""#),
    ("properties.properties.x = 1", "properties.properties.x = 1"), ("properties.in.x = 1", "properties.in.x = 1"),
    ("available_from > \"2026-01-31T09:30:00+01:00\"", #"available_from > "2026-01-31T08:30:00.000Z""#),
  ])
  func equalMeaningGivesEqualText(text: String, canonical: String) throws {
    let filter = try ItemFilter(text)
    #expect(filter.canonicalText == canonical)
    #expect(try ItemFilter(canonical) == filter, "the canonical text is not read as itself")
  }

  @Test func filtersAreJoined() throws {
    let both = try ItemFilter("price < 10 or stock = 0").and(.categories(anyOf: ["home", "a\"b"]))
    #expect(both.canonicalText == #"(price < 10 or stock = 0) and categories in ["home", "a\"b"]"#)
    #expect(try ItemFilter(both.canonicalText) == both)
  }

  @Test(
    arguments: [
      (#"price < "10""#, .type, 9), ("price < true", .type, 8), ("price > now", .type, 8), ("available_until < 5", .type, 18),
      ("available_until = \"soon\"", .type, 19), (#"title >= "a""#, .type, 10), ("categories in [now]", .type, 15),
      ("", .syntax, 0), ("  ", .syntax, 2), ("price", .syntax, 5), ("price <", .syntax, 7), ("price < 10 price", .syntax, 11),
      ("(price < 10", .syntax, 11), ("price < 10)", .syntax, 10), ("price == 10", .syntax, 7), ("price = 'x'", .syntax, 8),
      ("a = 1 AND b = 2", .syntax, 6), ("a = 1 && b = 2", .syntax, 6), ("not not a = 1", .syntax, 4), ("a in []", .syntax, 6),
      ("a in [1,]", .syntax, 8), ("a in 1", .syntax, 5), ("a not exists", .syntax, 6), ("and = 1", .syntax, 0), ("a. = 1", .syntax, 3),
      ("_a = 1", .syntax, 0), ("a = 01", .syntax, 4), ("a = 10px", .syntax, 6), ("a = \"x", .syntax, 4), ("a = \"\\x\"", .syntax, 5),
      ("a = now + 3", .syntax, 11), ("available_until = now + 3", .syntax, 25), ("available_until = now + 3w", .syntax, 25),
      ("available_until = now + 36526d", .limit, 24), ("available_until = now + 99999999999999999999d", .limit, 24), ("é = 1", .syntax, 0),
      ("a = \u{0}", .syntax, 4), ("a = 1e999", .syntax, 4),
    ] as [(String, FilterFault.Code, Int)])
  func aFaultIsNamedWithItsPlace(text: String, code: FilterFault.Code, position: Int) {
    do throws(FilterFault) {
      let filter = try ItemFilter(text)
      Issue.record("\(text) was read as \(filter.canonicalText)")
    } catch {
      #expect(error.code == code && error.position == position, "\(text): \(error)")
      #expect(error.message.count > 10)
    }
  }

  @Test(arguments: [
    ("a = 1 AND b = 2", "small letters"), ("a == 1", "once"), ("a = 'x'", "double quotes"), ("a = 1 || b = 1", "write or"),
    ("a not exists", "not a exists"), (#"price < "10""#, "without quotes"), ("a > now", "available_until"),
  ])
  func theMessageNamesTheFix(text: String, fix: String) {
    #expect { try ItemFilter(text) } throws: { ($0 as? FilterFault)?.message.contains(fix) == true }
  }

  @Test func bytesThatAreNotUTF8AreAFault() {
    #expect { try ItemFilter(Array("a = \"".utf8) + [0xFF, 0x22]) } throws: { ($0 as? FilterFault)?.position == 5 }
  }

  /// Random words give a fault with a place inside the text, or a filter whose canonical text means the same.
  @Test(arguments: 0..<4 as Range<UInt64>) func anyTextIsReadOrRefused(seed: UInt64) throws {
    var numbers = Numbers(seed)
    let words = [
      "and", "or", "not", "in", "exists", "(", ")", "price", "categories", "stock", "=", "!=", "<", "[", "]", ",", "1", "\"home\"", "true",
      "now", "+", "3d", "available_until", ".", "\"", "\\", "é", "price < 10", "categories = \"home\"", "stock exists",
    ]
    var read = 0
    for _ in 0..<3000 {
      let text = (0...numbers.next(below: 6)).map { _ in words[numbers.next(below: words.count)] }.joined(separator: " ")
      do throws(FilterFault) {
        let filter = try ItemFilter(text)
        read += 1
        let again = try ItemFilter(filter.canonicalText)
        #expect(again == filter, "seed \(seed): \(text)")
        for item in Shop.documents { #expect(again.matches(item, now: now) == filter.matches(item, now: now), "seed \(seed): \(text)") }
      } catch { #expect(0...text.utf8.count ~= error.position, "seed \(seed): \(text)") }
    }
    #expect(read > 50)
  }

  @Test func everyLimitIsExact() throws {
    func joined(_ parts: Int, _ text: (Int) -> String, _ separator: String) -> String { (0..<parts).map(text).joined(separator: separator) }
    func code(_ text: String, _ limits: FilterLimits = .body) -> FilterFault.Code? {
      do throws(FilterFault) { _ = try ItemFilter(text, limits: limits) } catch { return error.code }
      return nil
    }
    #expect(code(joined(32, { "a = \($0)" }, " or ")) == nil && code(joined(33, { "a = \($0)" }, " or ")) == .limit)
    #expect(code(String(repeating: "(", count: 16) + "a = 1" + String(repeating: ")", count: 16)) == nil)
    #expect(code(String(repeating: "(", count: 17) + "a = 1" + String(repeating: ")", count: 17)) == .limit)
    #expect(code(String(repeating: "not (", count: 100_000), FilterLimits(bytesMax: 1_000_000)) == .limit)
    #expect(code("a in [\(joined(256, String.init, ","))]") == nil && code("a in [\(joined(257, String.init, ","))]") == .limit)
    for (limits, bytes) in [(FilterLimits.query, 2048), (.body, 5000)] {
      let text = "a = \"" + String(repeating: "x", count: bytes - 6) + "\""
      #expect(text.utf8.count == bytes && code(text, limits) == nil && code(text + " ", limits) == .limit)
    }
  }
}
