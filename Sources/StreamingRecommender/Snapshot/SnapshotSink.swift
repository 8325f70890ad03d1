/// Where the bytes of a snapshot are written, piece by piece.
public typealias SnapshotSink = (UnsafeRawBufferPointer) throws -> Void
