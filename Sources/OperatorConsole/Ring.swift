/// The newest elements of a sequence, in fixed memory.
struct Ring<Element: Sendable>: Sendable {
  private var slots: [Element] = []
  private let capacity: Int
  /// The number of elements appended so far.
  private(set) var count = 0

  init(capacity: Int) {
    precondition(capacity > 0, "a ring holds at least one element, got \(capacity)")
    self.capacity = capacity
  }

  var last: Element? { count == 0 ? nil : slots[(count - 1) % capacity] }
  var all: [Element] { elements(from: 0) }

  mutating func append(_ element: Element) {
    if slots.count < capacity { slots.append(element) } else { slots[count % capacity] = element }
    count += 1
  }

  /// The kept elements from number `first` on, oldest first.
  func elements(from first: Int) -> [Element] {
    let oldest = max(0, count - capacity)
    return (min(count, max(first, oldest))..<count).map { slots[$0 % capacity] }
  }
}
