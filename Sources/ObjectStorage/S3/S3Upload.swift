/// An object whose content comes piece by piece: one part is held, and sent when it is full.
final class S3Upload: ObjectUpload {
  private let store: S3Store
  private let key: ObjectKey
  private let condition: PutCondition
  private var buffer: [UInt8] = []
  private var multipart: S3Store.Multipart?
  private var tags: [String] = []
  private var hasEnded = false

  init(_ store: S3Store, _ key: ObjectKey, _ condition: PutCondition) {
    (self.store, self.key, self.condition) = (store, key, condition)
  }

  deinit { abort() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(ObjectStoreError) {
    precondition(!hasEnded, "the upload of \(key) has ended")
    var rest = bytes[...]
    while !rest.isEmpty {
      // Only when more comes: a small object needs no parts.
      if buffer.count == S3Store.partBytes { try sendPart() }
      let piece = rest.prefix(S3Store.partBytes - buffer.count)
      buffer.append(contentsOf: piece)
      rest = rest.dropFirst(piece.count)
    }
  }

  private func sendPart() throws(ObjectStoreError) {
    guard tags.count < S3Store.partsMax else {
      throw ObjectStoreError(.refused, "\(store.subject(key)) has more than \(S3Store.partsMax) parts: write it to a file and put that")
    }
    let multipart: S3Store.Multipart
    if let begun = self.multipart { multipart = begun } else { multipart = try store.beginParts(key) }
    self.multipart = multipart
    tags.append(try store.putPart(multipart, number: tags.count + 1, .bytes(buffer)))
    buffer.removeAll(keepingCapacity: true)
  }

  func complete() throws(ObjectStoreError) {
    precondition(!hasEnded, "the upload of \(key) has ended")
    if multipart == nil {
      try store.put(key, body: .bytes(buffer), condition)
    } else {
      if !buffer.isEmpty { try sendPart() }
      if let multipart { try store.completeParts(multipart, tags, condition) }
    }
    hasEnded = true
    buffer = []
  }

  func abort() {
    guard !hasEnded else { return }
    hasEnded = true
    buffer = []
    // What cannot be removed now is removed by `removeUnfinishedUploads`.
    if let multipart { try? store.abortUpload(key, multipart.id) }
  }
}
