/// A FIFO queue that holds each element at most once; an element that is queued already keeps its place.
package struct UniqueQueue<Element: Hashable & Sendable>: Sendable {
  private var elements: [Element] = []
  private var head = 0
  private var queued: Set<Element> = []

  package init() {}

  package init(_ elements: [Element]) {
    for element in elements { append(element) }
  }

  package var isEmpty: Bool { head == elements.count }

  package mutating func append(_ element: Element) {
    if queued.insert(element).inserted { elements.append(element) }
  }

  /// Removes and returns the oldest elements, at most `max`.
  package mutating func take(_ max: Int) -> [Element] {
    let taken = Array(elements[head...].prefix(max))
    head += taken.count
    queued.subtract(taken)
    if head * 2 >= elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return taken
  }
}
