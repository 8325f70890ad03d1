import Foundation

/// The files of a certificate and its key.
public struct TLSFiles: Sendable, Equatable {
  /// PEM: the certificate of the server, then those of its issuers.
  public let certificate: String
  /// PEM, not encrypted.
  public let key: String
  private let readKey: ReadKey

  /// Compared by the paths alone.
  private struct ReadKey: Sendable, Equatable {
    let read: @Sendable (String) throws -> String
    static func == (_: ReadKey, _: ReadKey) -> Bool { true }
  }

  /// - Parameter readKey: reads the file of the key, and refuses one that others may read.
  public init(certificate: String, key: String, readKey: @escaping @Sendable (_ path: String) throws -> String) {
    self.certificate = certificate
    self.key = key
    self.readKey = ReadKey(read: readKey)
  }

  func load() throws(TLSError) -> TLSCredentials {
    guard let chain = FileManager.default.contents(atPath: certificate) else {
      throw TLSError("the certificate \(certificate) cannot be read; does it exist, and may this user read it?")
    }
    let secret: String
    do { secret = try readKey.read(key) } catch { throw TLSError("the key \(key): \(error)") }
    do { return try TLSCredentials(certificatePEM: Array(chain), keyPEM: Array(secret.utf8)) } catch {
      throw TLSError("the certificate \(certificate) with the key \(key): \(error)")
    }
  }
}
