import Timestamps

/// What the cells of one column look like in a sample.
struct ColumnProfile {
  private(set) var filled = 0
  private(set) var empty = 0
  private(set) var numbers = 0
  private(set) var integers = 0
  /// Whole numbers with `.0`.
  private(set) var wholeWithFraction = 0
  private(set) var decimalCommas = 0
  /// Dates in text, whether or not they can be read without a pattern.
  private(set) var dates = 0
  /// Dates that may begin with the day or the month, and those among them that can only begin with the one or the other.
  private(set) var unclearDates = 0
  private var unclearSample: [UInt8] = []
  private(set) var dayFirstDates = 0
  private(set) var monthFirstDates = 0
  /// Numbers that are times from 1995 to a day from now, by their magnitude.
  private(set) var epochs = 0
  /// Dates in digits, such as 20200705.
  private(set) var digitDates = 0
  /// Numbers from 0 to 10 in steps of a half.
  private(set) var ratings = 0
  /// Known names of event types.
  private(set) var typeWords = 0
  /// Letters with hyphens and underscores.
  private(set) var words = 0
  private(set) var codes = ItemCodes()
  private(set) var uuids = 0
  private(set) var fraction = (zero: 0, minusOne: 0, ninetyNine: 0)
  private(set) var negatives = 0
  private(set) var overMillion = 0
  private(set) var maximum = -Double.infinity
  /// Pairs of neighbouring whole numbers, those that rise or stay, and those that rise by one.
  private(set) var neighbours = 0
  private(set) var rises = 0
  private(set) var steps = 0
  private var lastNumber: Int64?
  /// How often each cell occurs, by its hash.
  private(set) var counts: [UInt64: Int] = [:]
  /// The first different cells.
  private(set) var samples: [String] = []
  /// The cell that occurs most often.
  private(set) var most: (count: Int, text: String) = (0, "")
  private var mostHash: UInt64 = 0
  /// The texts of the first different cells, by their hashes.
  private var texts: [UInt64: String] = [:]
  private(set) var lengths: [Int: Int] = [:]
  private(set) var oddCharacters = 0

  private static let samplesMax = 3
  private static let textsMax = 256

  var cells: Int { filled + empty }
  var distinct: Int { counts.count }
  func share(_ count: Int) -> Double { filled == 0 ? 0 : Double(count) / Double(filled) }
  var distinctShare: Double { share(distinct) }

  /// Whether the cells can be times, as text or as numbers.
  var canBeTimes: Bool { share(dates + epochs) >= 0.95 }
  /// Whether the cells are times and can hardly be anything else.
  var areTimes: Bool { canBeTimes && (dates > 0 || isEpochLike) }
  var areDates: Bool { share(dates) >= 0.95 }
  /// Numbers in the range of times are ids as often; times rise along the file, or are hardly ever equal.
  private var isEpochLike: Bool { filled >= 20 ? isRising || distinctShare > 0.5 : true }
  var isRising: Bool { neighbours > 0 && rises * 100 >= neighbours * 95 }
  /// Each number is the one before plus one: the number of the row, or of an event.
  var isSerial: Bool { neighbours >= 10 && steps * 100 >= neighbours * 95 }
  var areNumbers: Bool { share(numbers) >= 0.95 }
  var areRatings: Bool { share(ratings) >= 0.95 && distinct <= 21 }
  var areTypes: Bool {
    filled > 0 && distinct <= 50 && (share(typeWords) >= 0.9 || (share(words) >= 0.95 && distinct <= 12 && filled >= 5 * distinct))
  }
  var areUUIDs: Bool { share(uuids) >= 0.95 }

  /// The different cells and how often each occurs, as far as their texts were kept.
  var names: [String: Int] { Dictionary(texts.map { ($1, counts[$0] ?? 0) }, uniquingKeysWith: +) }

  /// Why a date of the column cannot be read without a pattern.
  ///
  /// - Parameter setting: what sets the pattern.
  func unclearSentence(_ setting: String) -> String? {
    unclearSample.withUnsafeBufferPointer { text in
      do throws(TimestampFault) {
        _ = try TimestampText.milliseconds(text)
        return nil
      } catch { return error.sentence(about: text, setting: setting) }
    }
  }

  /// Starts a piece of the sample: its first cell is not a neighbour of the last one.
  mutating func breakOrder() { lastNumber = nil }

  /// - Returns: the hash of the cell; 0 for an empty one.
  mutating func add(_ cell: UnsafeBufferPointer<UInt8>, now: Int64) -> UInt64 {
    let cell = trimmed(cell)
    guard !cell.isEmpty else {
      empty += 1
      return 0
    }
    filled += 1
    let hash = CellHash.hash(cell)
    let count = (counts[hash] ?? 0) + 1
    counts[hash] = count
    if count == 1, counts.count <= Self.textsMax {
      texts[hash] = Self.shown(cell)
      if samples.count < Self.samplesMax { samples.append(Self.shown(cell)) }
    }
    if count > most.count {
      most = (count, hash == mostHash ? most.text : Self.shown(cell))
      mostHash = hash
    }
    if let number = cell.count <= 18 ? digits(cell) : nil {
      addInteger(number, cell, now)
    } else {
      lastNumber = nil
      addText(cell)
    }
    return hash
  }

  /// Makes this cell the first of the samples.
  mutating func showFirst(_ cell: UnsafeBufferPointer<UInt8>) {
    let text = Self.shown(trimmed(cell))
    guard !text.isEmpty else { return }
    samples = Array(([text] + samples.filter { $0 != text }).prefix(Self.samplesMax))
  }

  private static func shown(_ cell: UnsafeBufferPointer<UInt8>) -> String {
    String(decoding: cell.prefix(60), as: UTF8.self) + (cell.count > 60 ? "..." : "")
  }

  private mutating func addInteger(_ number: Int64, _ cell: UnsafeBufferPointer<UInt8>, _ now: Int64) {
    numbers += 1
    integers += 1
    addNumber(Double(number))
    lengths[cell.count, default: 0] += 1
    if 788_918_400_000...(now + 86_400_000) ~= EpochTime.milliseconds(fromInteger: number), cell.count >= 9 { epochs += 1 }
    if cell.count == 8, (try? EpochTime.milliseconds(ofInteger: number)) == nil { digitDates += 1 }
    if let lastNumber {
      neighbours += 1
      if number >= lastNumber { rises += 1 }
      if number == lastNumber + 1 { steps += 1 }
    }
    lastNumber = number
    codes.add(cell)
  }

  private mutating func addNumber(_ number: Double) {
    maximum = max(maximum, number)
    if number > 1e6 { overMillion += 1 }
    if number < 0 { negatives += 1 }
    if 0...10 ~= number, (number * 2).rounded() == number * 2 { ratings += 1 }
    if number == 0 { fraction.zero += 1 } else if number == -1 { fraction.minusOne += 1 } else if number == 99 { fraction.ninetyNine += 1 }
  }

  private mutating func addText(_ cell: UnsafeBufferPointer<UInt8>) {
    codes.add(cell)
    if cell.contains(where: { $0 == 0x22 || $0 == 0x09 || $0 == 0x0A || $0 == 0x3B }) || cell.count > 128 { oddCharacters += 1 }
    if let number = parseNumber(cell) {
      numbers += 1
      addNumber(number)
      if CellConventions.isWholeWithFraction(cell) { wholeWithFraction += 1 }
      if !(0...1e5 ~= number), 9...20 ~= cell.count, let time = try? TimestampText.milliseconds(cell),
        788_918_400_000...4_102_444_800_000 ~= time
      {
        epochs += 1
      }
      return
    }
    if parseNumber(cell, hasDecimalComma: true) != nil {
      numbers += 1
      // Three digits after a comma may as well be thousands.
      if let comma = cell.firstIndex(of: 0x2C), cell.count - comma != 4 { decimalCommas += 1 }
      if let number = parseNumber(cell, hasDecimalComma: true) { addNumber(number) }
      return
    }
    addWord(cell)
  }

  private mutating func addWord(_ cell: UnsafeBufferPointer<UInt8>) {
    if cell.allSatisfy({ 0x61...0x7A ~= $0 | 0x20 || $0 == 0x5F || $0 == 0x2D }) {
      words += 1
      if EventTypeWords.contains(String(decoding: cell, as: UTF8.self)) { typeWords += 1 }
    }
    if Self.isUUID(cell) { uuids += 1 }
    guard 6...40 ~= cell.count, cell.contains(where: { 0x30...0x39 ~= $0 }) else { return }
    do throws(TimestampFault) {
      _ = try TimestampText.milliseconds(cell)
      dates += 1
    } catch {
      switch error {
      case .dayOrMonthFirst, .twoDigitYear: addUnclearDate(cell)
      case .twelveHourClock, .zoneName: dates += 1
      default: break
      }
    }
  }

  private mutating func addUnclearDate(_ cell: UnsafeBufferPointer<UInt8>) {
    let parts = cell.prefix(5).split(whereSeparator: { !(0x30...0x39 ~= $0) }).compactMap { digits(UnsafeBufferPointer(rebasing: $0)) }
    guard parts.count >= 2 else { return }
    dates += 1
    unclearDates += 1
    if unclearSample.isEmpty { unclearSample = Array(cell) }
    if parts[0] > 12 { dayFirstDates += 1 }
    if parts[1] > 12 { monthFirstDates += 1 }
  }

  private static func isUUID(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    guard cell.count == 36 || cell.count == 32 else { return false }
    for (index, byte) in cell.enumerated() {
      let isHyphen = cell.count == 36 && [8, 13, 18, 23].contains(index)
      guard isHyphen ? byte == 0x2D : (0x30...0x39 ~= byte || 0x61...0x66 ~= byte | 0x20) else { return false }
    }
    return true
  }
}

/// Hashes the bytes of a cell; equal bytes have equal hashes in every process.
enum CellHash {
  @inline(__always) static func hash(_ bytes: UnsafeBufferPointer<UInt8>, seed: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
    var hash = seed
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return mixed(hash)
  }

  static func hash(_ bytes: [UInt8], seed: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
    bytes.withUnsafeBufferPointer { hash($0, seed: seed) }
  }

  @inline(__always) static func combined(_ a: UInt64, _ b: UInt64) -> UInt64 { mixed(a ^ (b &* 0x9e37_79b9_7f4a_7c15)) }

  /// The finalizer of SplitMix64. Zero is reserved for empty cells.
  @inline(__always) private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    z ^= z >> 31
    return z == 0 ? 1 : z
  }
}

/// Counts cells that are codes of products, which users do not have.
struct ItemCodes {
  /// Amazon's numbers: `B` and nine capitals or digits.
  private(set) var asins = 0
  /// Book numbers of ten characters with a valid check digit.
  private(set) var isbns = 0
  /// Article numbers of thirteen digits with a valid check digit.
  private(set) var eans = 0
  private(set) var spotifyTracks = 0

  var total: Int { asins + isbns + eans + spotifyTracks }

  mutating func add(_ cell: UnsafeBufferPointer<UInt8>) {
    switch cell.count {
    case 10 where cell[0] == 0x42 && cell[1] == 0x30:
      if cell.allSatisfy({ 0x30...0x39 ~= $0 || 0x41...0x5A ~= $0 }) { asins += 1 }
    case 10: if Self.isISBN(cell) { isbns += 1 }
    case 13: if Self.isEAN(cell) { eans += 1 }
    case 36: if cell.starts(with: "spotify:track:".utf8) { spotifyTracks += 1 }
    default: break
    }
  }

  private static func isISBN(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    var sum = 0
    for index in 0..<10 {
      let byte = cell[index]
      if 0x30...0x39 ~= byte {
        sum += (10 - index) * Int(byte - 0x30)
      } else if index == 9, byte == 0x58 {
        sum += 10
      } else {
        return false
      }
    }
    return sum % 11 == 0
  }

  private static func isEAN(_ cell: UnsafeBufferPointer<UInt8>) -> Bool {
    var sum = 0
    for index in 0..<13 {
      guard 0x30...0x39 ~= cell[index] else { return false }
      sum += Int(cell[index] - 0x30) * (index % 2 == 0 ? 1 : 3)
    }
    return sum % 10 == 0
  }
}

/// Words that name what a user did, in the files of many systems.
enum EventTypeWords {
  private static let words: Set<String> = [
    "view", "views", "pv", "click", "clicks", "like", "dislike", "read", "buy", "purchase", "purchases", "order", "orders", "transaction",
    "cart", "carts", "addtocart", "removefromcart", "fav", "favorite", "favourite", "wishlist", "addtowishlist", "rating", "rate", "review",
    "play", "watch", "listen", "skip", "share", "save", "bookmark", "star", "follow", "comment", "search", "impression", "detailpageview",
    "purchasecomplete", "viewitem", "download", "install", "apply", "checkout", "interaction", "visit", "subscribe", "unlike", "reply",
    "collect", "complete", "conversion", "productviewed", "productadded", "ordercompleted",
  ]

  /// Names of what was shown to a user, who did nothing.
  static let shown: Set<String> = [
    "search", "list", "impression", "impressions", "ranking", "viewitemlist", "productlistviewed", "shown", "viewsearchresults", "exposure",
  ]

  static func contains(_ word: String) -> Bool { words.contains(ColumnNames.folded(word)) }
}
