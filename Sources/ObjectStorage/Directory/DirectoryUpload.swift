#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A file that is being written for a `DirectoryStore`.
final class DirectoryUpload: ObjectUpload {
  private let store: DirectoryStore
  private let key: ObjectKey
  private let condition: PutCondition
  private let temporary: String
  private var descriptor: Int32 = -1

  init(_ store: DirectoryStore, _ key: ObjectKey, _ condition: PutCondition) throws(ObjectStoreError) {
    (self.store, self.key, self.condition) = (store, key, condition)
    temporary = "\(store.uploads)/\(getpid())-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    if let long = key.text.split(separator: "/").first(where: { $0.utf8.count > 255 }) {
      throw ObjectStoreError(
        .invalid, "\(long.prefix(40))... has \(long.utf8.count) bytes; in a directory, a part of a name has at most 255")
    }
    try store.checkRoot()
    if condition == .ifAbsent, try store.head(key) != nil { throw ObjectStoreError(.alreadyExists, "\(store.file(key)) exists already") }
    guard mkdir(store.uploads, 0o750) == 0 || errno == EEXIST else { throw LocalFile.failure("cannot create \(store.uploads)") }
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o640)
    if descriptor < 0 { throw LocalFile.failure("cannot write into \(store.uploads)") }
  }

  deinit { abort() }

  func write(_ bytes: UnsafeRawBufferPointer) throws(ObjectStoreError) {
    precondition(descriptor >= 0, "the upload of \(key) has ended")
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw LocalFile.failure("cannot write \(temporary)")
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  func complete() throws(ObjectStoreError) {
    precondition(descriptor >= 0, "the upload of \(key) has ended")
    // A failed fsync is not repeated: the kernel may already have marked the pages clean.
    guard fsync(descriptor) == 0 else { throw LocalFile.failure("fsync of \(temporary) failed") }
    try store.place(temporary, at: key, condition)
    close(descriptor)
    descriptor = -1
  }

  func abort() {
    guard descriptor >= 0 else { return }
    close(descriptor)
    descriptor = -1
    unlink(temporary)
  }
}
