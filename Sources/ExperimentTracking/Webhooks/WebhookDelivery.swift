/// What came of one message to a webhook.
public struct WebhookDelivery: Sendable, Equatable {
  /// What the receiver saw in `X-Freshet-Delivery`, the same in every attempt.
  public var id: String
  public var attempts: Int
  /// Of the last answer; `nil` if there was none.
  public var status: Int?
  /// Why it was not delivered and what to do, without path, query and secret; `nil` if it was.
  public var error: String?

  public var isDelivered: Bool { error == nil }
}
