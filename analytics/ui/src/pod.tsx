/** A pod by its names, and the page about it. */

export interface PodName {
  namespace: string;
  name: string;
  uid: string;
}

export function podPath(pod: { namespace: string; name: string }): string {
  return `/decisions/pod/${encodeURIComponent(pod.namespace)}/${encodeURIComponent(pod.name)}`;
}

export function PodLink({ pod }: { pod: PodName }) {
  return (
    <a class="podlink" href={podPath(pod)}>
      <span class="muted small">{pod.namespace}/</span>
      {pod.name}
    </a>
  );
}
