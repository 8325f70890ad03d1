/// Documents by item number, in chunks, so that a copy of the table shares all chunks but those that are changed afterwards.
struct DocumentTable: Sendable {
  private static let chunkCount = 256
  private var chunks: [[ItemDocument?]] = []

  subscript(item: Int32) -> ItemDocument? {
    get {
      let (chunk, offset) = Int(item).quotientAndRemainder(dividingBy: Self.chunkCount)
      return chunk < chunks.count && !chunks[chunk].isEmpty ? chunks[chunk][offset] : nil
    }
    set {
      let (chunk, offset) = Int(item).quotientAndRemainder(dividingBy: Self.chunkCount)
      while chunks.count <= chunk { chunks.append([]) }
      if chunks[chunk].isEmpty { chunks[chunk] = Array(repeating: nil, count: Self.chunkCount) }
      chunks[chunk][offset] = newValue
    }
  }
}
