import Digests
import Foundation
import HTTPRequests
import Telemetry

/// Sends JSON messages to an address over HTTP.
///
/// A value that any thread may use; each delivery opens a connection of its own and blocks until it is done or the deadline has passed.
/// Only the origin of the address is ever shown, because path and query of a webhook often are the secret.
public struct Webhook: Sendable {
  public static let signatureHeader = "X-Freshet-Signature"
  public static let deliveryHeader = "X-Freshet-Delivery"

  /// For an answer.
  public var timeout = Duration.seconds(5)
  /// For all attempts with their pauses.
  public var deadline = Duration.seconds(30)
  /// The authorities that are trusted; empty: those of the system.
  public var caFile = ""
  var policy = RepetitionPolicy()
  private let address: HTTPAddress
  private let secret: [UInt8]

  /// - Parameters:
  ///   - url: `http://` or `https://`, with path and query; `user:password@` is sent as basic authentication.
  ///   - secret: the key of the signature; empty: there is none.
  public init(url: String, secret: [UInt8] = []) throws(TrackingError) {
    do throws(HTTPAddress.Refusal) { address = try HTTPAddress(parsing: url, allowsQuery: true) } catch {
      throw TrackingError(.invalidSettings, "the webhook: \(error)")
    }
    self.secret = secret
  }

  /// The address as it may be shown.
  public var origin: String { address.origin }

  /// Posts a message; again after no answer, 408, 429 or 5xx. The receiver knows a repeated message by its id.
  ///
  /// - Parameter id: what the receiver sees in `X-Freshet-Delivery`; letters, digits and `-`.
  public func deliver(_ message: JSONValue, id: String = UUID().uuidString.lowercased()) -> WebhookDelivery {
    let request = request(message.bytes, id)
    let connection = HTTPConnection(timeout: timeout, caFile: caFile)
    var repetition = Repetition(within: deadline)
    repetition.policy = policy
    var delivery = WebhookDelivery(id: id, attempts: 0)
    do throws(Failure) {
      delivery.status = try repetition.perform { attempt throws(Failure) in
        delivery.attempts = attempt
        return try self.attempt(request, connection, repetition.timeLeft)
      }
    } catch {
      delivery.status = error.status
      delivery.error = "the webhook at \(address.origin) \(address.credentials.redacted(error.sentence))"
    }
    return delivery
  }

  func request(_ body: [UInt8], _ id: String) -> HTTPConnection.Request {
    var request = HTTPConnection.Request(.post, address.url)
    request.body = .bytes(body, contentType: "application/json")
    request.credentials = address.credentials
    request.headers = [.init(Self.deliveryHeader, id)]
    if !secret.isEmpty { request.headers.append(.init(Self.signatureHeader, "sha256=" + HMACSHA256.code(body, key: secret).hex)) }
    request.answerBytesMax = 1 << 16
    return request
  }

  private struct Failure: TransientError {
    var sentence: String
    var status: Int?
    var isTransient = false
    var retryAfter: Duration?
  }

  /// Returns the status of success.
  private func attempt(_ request: HTTPConnection.Request, _ connection: HTTPConnection, _ timeLeft: Duration) throws(Failure) -> Int {
    var request = request
    request.timeLimit = min(timeout, timeLeft)
    var answer = HTTPConnection.Answer()
    do throws(HTTPConnection.Fault) { answer = try connection.send(request) } catch {
      switch error.kind {
      // What it says does not matter.
      case .answerTooLarge: answer.status = error.status
      case .transport:
        throw Failure(sentence: "does not answer: \(error.sentence): start it, or correct its address", isTransient: true)
      case .permanent, .unreadableFile:
        throw Failure(sentence: "cannot be asked: \(error.sentence): correct its address or its certificate")
      }
    }
    guard !(200..<300 ~= answer.status) else { return answer.status }
    throw Failure(
      sentence: Self.complaint(answer.status), status: answer.status,
      isTransient: answer.status == 408 || answer.status == 429 || answer.status >= 500, retryAfter: answer.retryAfter)
  }

  private static func complaint(_ status: Int) -> String {
    switch status {
    case 300..<400: "answers \(status), a redirection, which is not followed: set the address to which it leads"
    case 401, 403: "refuses the message (\(status)): correct the credentials or the secret of the signature"
    case 404, 410: "answers \(status): correct the path of its address"
    default: "answers \(status): see the log of the receiver"
    }
  }
}
