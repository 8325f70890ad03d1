/// The id of one answer, which says by itself what was shown to whom, so that nothing is stored per request.
///
/// Base64url without padding of, with the highest byte first: version (1 byte), seconds since 1970 (4), epoch (4), arm (1), placement (1),
/// hash of the user (4); for each of the first 40 items a hash (2) and source and rules (1); and a code of 8 bytes over all of it. An item
/// is recognised by 16 bits, so another one is taken for it in one of 65,536 cases per item shown.
public struct RecommendationIdentifier: Sendable, Equatable {
  public struct ShownItem: Sendable, Equatable {
    public let hash: UInt16
    /// `ItemSource.code`; one that this version does not know is kept.
    public let sourceCode: UInt8
    public let ruleClass: AssembledList.RuleClass
    public var source: ItemSource? { ItemSource(code: sourceCode) }

    public init(item: String, source: ItemSource, ruleClass: AssembledList.RuleClass = []) {
      self.init(hash: StableHash.fold16(item), sourceCode: source.code, ruleClass: ruleClass)
    }

    init(hash: UInt16, sourceCode: UInt8, ruleClass: AssembledList.RuleClass) {
      (self.hash, self.sourceCode, self.ruleClass) = (hash, sourceCode, ruleClass)
    }
  }

  public enum Fault: String, Error, Sendable {
    /// Not base64url of a possible length.
    case malformed
    case unknownVersion = "unknown_version"
    /// The code does not belong to the content and the key.
    case forged
  }

  /// Returns at least 8 bytes that depend on the message and a key, such as HMAC-SHA-256; the first 8 are used.
  public typealias MessageCode = ([UInt8]) -> [UInt8]

  public static let itemsMax = 40
  static let version: UInt8 = 1
  private static let headBytes = 15
  private static let codeBytes = 8

  public let secondsSince1970: UInt32
  public let epoch: UInt32
  /// The arm of an experiment; 0 without one.
  public let arm: UInt8
  /// See `placementCode`.
  public let placement: UInt8
  /// 0 without a user.
  public let userHash: UInt32
  /// The first items of the list, at most 40.
  public let items: [ShownItem]

  /// - Parameter now: milliseconds since 1970.
  public init(now: Int64, epoch: UInt32, arm: UInt8 = 0, placement: String? = nil, user: String?, items: some Sequence<ShownItem>) {
    secondsSince1970 = UInt32(clamping: now / 1000)
    self.epoch = epoch
    self.arm = arm
    self.placement = Self.placementCode(placement)
    userHash = Self.userHash(user)
    self.items = Array(items.prefix(Self.itemsMax))
  }

  // MARK: Asking

  /// Whether the answer was made for this user.
  public func isFor(_ user: String?) -> Bool { userHash == Self.userHash(user) }

  /// The rank from 1 at which the item was shown, on its page.
  public func rank(of item: String) -> Int? {
    let hash = StableHash.fold16(item)
    return items.firstIndex { $0.hash == hash }.map { $0 + 1 }
  }

  /// A number from 1 to 255 for a placement, 0 for none. Two placements may have the same one.
  public static func placementCode(_ placement: String?) -> UInt8 { placement.map { max(1, StableHash.fold8($0)) } ?? 0 }

  private static func userHash(_ user: String?) -> UInt32 { user.map { max(1, StableHash.fold32($0)) } ?? 0 }

  // MARK: Text

  public func encoded(_ code: MessageCode) -> String {
    var bytes = [Self.version]
    Self.append(secondsSince1970, to: &bytes)
    Self.append(epoch, to: &bytes)
    bytes += [arm, placement]
    Self.append(userHash, to: &bytes)
    for item in items {
      Self.append(item.hash, to: &bytes)
      bytes.append(item.sourceCode << 4 | item.ruleClass.rawValue & 15)
    }
    return Base64URL.encode(bytes + Self.code(of: bytes, code))
  }

  /// Reads an id and checks that it was made with the same key.
  public init(_ text: String, _ code: MessageCode) throws(Fault) {
    let fixed = Self.headBytes + Self.codeBytes
    guard text.utf8.count <= 256, let bytes = Base64URL.decode(text), let version = bytes.first else { throw .malformed }
    guard version == Self.version else { throw .unknownVersion }
    guard bytes.count >= fixed, (bytes.count - fixed).isMultiple(of: 3), (bytes.count - fixed) / 3 <= Self.itemsMax else {
      throw .malformed
    }
    let content = Array(bytes.dropLast(Self.codeBytes))
    let difference = zip(bytes.suffix(Self.codeBytes), Self.code(of: content, code)).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
    guard difference == 0 else { throw .forged }
    secondsSince1970 = Self.number(content[1..<5])
    epoch = Self.number(content[5..<9])
    (arm, placement) = (content[9], content[10])
    userHash = Self.number(content[11..<15])
    items = stride(from: Self.headBytes, to: content.count, by: 3).map { at in
      ShownItem(
        hash: Self.number(content[at..<at + 2]), sourceCode: content[at + 2] >> 4, ruleClass: .init(rawValue: content[at + 2] & 15))
    }
  }

  private static func code(of bytes: [UInt8], _ code: MessageCode) -> [UInt8] {
    let result = code(bytes)
    precondition(result.count >= codeBytes, "a message code needs at least \(codeBytes) bytes, got \(result.count)")
    return Array(result.prefix(codeBytes))
  }

  /// CRC-64/XZ, for a program without a key: it finds damaged ids but no forged ones.
  public static func checksum(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    append(StableHash.crc64(bytes), to: &output)
    return output
  }

  private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  private static func number<Value: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>) -> Value {
    bytes.reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
  }
}
