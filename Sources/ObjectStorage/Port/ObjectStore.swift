/// Keeps objects under names: a directory, or a bucket of an S3 server.
///
/// An object appears and changes as a whole. Every adapter passes the same tests.
public protocol ObjectStore: Sendable {
  /// The address for messages, without credentials.
  var name: String { get }

  /// Writes an object: when this returns, it is durable.
  func put(_ key: ObjectKey, _ content: ObjectContent, _ condition: PutCondition) throws(ObjectStoreError)

  /// Begins an object whose content is not known yet as a whole.
  func upload(_ key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) -> any ObjectUpload

  /// Hands the content over piece by piece, in order and each byte once, also if the connection breaks meanwhile.
  ///
  /// - Parameters:
  ///   - range: the bytes to read; what is behind the end is left out. `nil` reads all.
  ///   - take: what it throws ends the reading and is thrown again.
  func read(_ key: ObjectKey, _ range: Range<Int>?, _ take: (UnsafeRawBufferPointer) throws -> Void) throws

  /// Returns `nil` if there is no such object.
  func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo?

  /// Lists objects whose name begins with these characters, at most `limit` (1 to 1,000), each once.
  ///
  /// Directories and most servers list them in the order of the bytes of their names; SeaweedFS lists one folder after the other.
  func list(_ prefix: String, after: ObjectListing.Cursor?, limit: Int) throws(ObjectStoreError) -> ObjectListing

  /// Removes an object; it is no error if there is none.
  func remove(_ key: ObjectKey) throws(ObjectStoreError)

  /// Creates the directory or the bucket. Returns whether it is new.
  func create() throws(ObjectStoreError) -> Bool

  /// Removes what uploads have left that never ended. Returns how many there were.
  func removeUnfinishedUploads(olderThan age: Duration) throws(ObjectStoreError) -> Int
}

extension ObjectStore {
  public func put(_ key: ObjectKey, _ content: ObjectContent) throws(ObjectStoreError) { try put(key, content, .always) }

  public func upload(_ key: ObjectKey) throws(ObjectStoreError) -> any ObjectUpload { try upload(key, .always) }

  /// The content of an object that fits into memory.
  /// - Parameter limit: a larger object is an error, so that a wrong name does not take all memory.
  public func bytes(_ key: ObjectKey, _ range: Range<Int>? = nil, limit: Int) throws -> [UInt8] {
    var content: [UInt8] = []
    try read(key, range) { piece in
      guard content.count + piece.count <= limit else {
        throw ObjectStoreError(.refused, "\(name): \(key) has more than \(limit) bytes")
      }
      content.append(contentsOf: piece)
    }
    return content
  }

  /// Calls `body` with every object whose name begins with these characters.
  public func forEach(_ prefix: String, _ body: (ObjectInfo) throws -> Void) throws {
    var cursor: ObjectListing.Cursor?
    repeat {
      let listing = try list(prefix, after: cursor, limit: 1_000)
      for object in listing.objects { try body(object) }
      cursor = listing.next
    } while cursor != nil
  }
}
